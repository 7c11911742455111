import type { ReadonlySignal } from "@preact/signals";
import type { ChatState } from "./chats.js";
import type { Invitation, NewInvitation, Participant, Policy } from "../../client/index.js";
import type { Loaded } from "./loaded.js";

/** The people of one group, and who may do what. Close it when it is no longer shown. */
export interface Group {
  readonly chat: ReadonlySignal<ChatState | undefined>;
  /** In the order in which they joined. */
  readonly participants: Loaded<readonly Participant[]>;
  /** The invitations that still work, for users who `mayAdd`. */
  readonly invitations: Loaded<readonly Invitation[]>;
  readonly mayAdd: ReadonlySignal<boolean>;
  readonly mayRename: ReadonlySignal<boolean>;
  readonly mayPost: ReadonlySignal<boolean>;
  /** Whether the user changes the policy: an owner or admin. */
  readonly mayChangePolicy: ReadonlySignal<boolean>;
  /** Whether the user gives roles: the owner. */
  readonly maySetRoles: ReadonlySignal<boolean>;
  mayRemove(participant: Participant): boolean;
  /** All changes below throw a `PalaverError` if they fail. */
  rename(title: string | null): Promise<void>;
  changePolicy(policy: Partial<Policy>): Promise<void>;
  add(username: string): Promise<void>;
  remove(userId: string): Promise<void>;
  setRole(userId: string, role: "owner" | "admin" | "member"): Promise<void>;
  leave(): Promise<void>;
  /** The code is shown only once. @param expiresIn seconds */
  invite(expiresIn?: number, maxUses?: number | null): Promise<NewInvitation>;
  revoke(invitationId: string): Promise<void>;
  close(): void;
}
