import { computed, type ReadonlySignal } from "@preact/signals";
import type {
  ChatEvent,
  Client,
  Invitation,
  NewInvitation,
  Participant,
  Policy,
} from "../../client/index.js";
import type { ChatState } from "./chats.js";
import { Loaded } from "./loaded.js";

export interface GroupDependencies {
  readonly client: Client;
  readonly chatId: number;
  readonly chat: ReadonlySignal<ChatState | undefined>;
  /** The id of the user. */
  readonly me: string;
  readonly onClose: () => void;
}

const PARTICIPANTS_PER_PAGE = 1_000;
const MAX_INVITATIONS = 100;

/** The people of one group, and who may do what. All changes throw a `PalaverError` if they fail. */
export class Group {
  readonly #client: Client;
  readonly #chatId: number;
  readonly #me: string;
  readonly #onClose: () => void;
  readonly chat: ReadonlySignal<ChatState | undefined>;
  /** In the order in which they joined. It follows the events. */
  readonly participants: Loaded<readonly Participant[]>;
  /** The invitations that still work, for users who `mayAdd`. */
  readonly invitations: Loaded<readonly Invitation[]>;

  readonly mayAdd = this.#may(({ add }) => add);
  readonly mayRename = this.#may(({ rename }) => rename);
  /** In a p2p chat, true. */
  readonly mayPost = this.#may(({ post }) => post);
  /** Whether the user changes the policy: an owner or admin. */
  readonly mayChangePolicy = this.#may(() => "admins");
  /** Whether the user gives roles: the owner. */
  readonly maySetRoles: ReadonlySignal<boolean> = computed(() => this.chat.value?.role === "owner");

  constructor({ client, chatId, chat, me, onClose }: GroupDependencies) {
    this.#client = client;
    this.#chatId = chatId;
    this.#me = me;
    this.#onClose = onClose;
    this.chat = chat;
    this.participants = new Loaded(() => this.#readParticipants());
    this.invitations = new Loaded(() => client.listInvitations({ chat_id: chatId, limit: MAX_INVITATIONS }));
  }

  mayRemove({ user_id, role }: Participant): boolean {
    const { role: mine, policy } = this.chat.value ?? {};
    if (!mine || !policy || user_id === this.#me) return false;
    return policy.remove === "everyone" || (mine !== "member" && role !== "owner");
  }

  async rename(title: string | null): Promise<void> {
    await this.#client.changeChat({ chat_id: this.#chatId, title });
  }

  async changePolicy(policy: Partial<Policy>): Promise<void> {
    await this.#client.changeChat({ chat_id: this.#chatId, policy });
  }

  async add(username: string): Promise<void> {
    await this.#client.addParticipant({ chat_id: this.#chatId, username });
  }

  /** @param cancelling ends the request, if the server has not answered yet */
  async remove(userId: string, cancelling?: AbortSignal): Promise<void> {
    const request = { chat_id: this.#chatId, user: userId };
    await this.#client.removeParticipant(request, { signal: cancelling });
  }

  /** `owner` passes the ownership on. @param cancelling ends the request, if the server has not answered yet */
  async setRole(userId: string, role: "owner" | "admin" | "member", cancelling?: AbortSignal): Promise<void> {
    const request = { chat_id: this.#chatId, user: userId, role };
    await this.#client.setRole(request, { signal: cancelling });
  }

  /** @param cancelling ends the request, if the server has not answered yet */
  async leave(cancelling?: AbortSignal): Promise<void> {
    await this.remove(this.#me, cancelling);
  }

  /** The code is shown only once. @param expiresIn seconds */
  async invite(expiresIn?: number, maxUses?: number | null): Promise<NewInvitation> {
    const request = { chat_id: this.#chatId, expires_in: expiresIn, max_uses: maxUses };
    const invitation = await this.#client.createInvitation(request);
    await this.invitations.reload();
    return invitation;
  }

  async revoke(invitationId: string): Promise<void> {
    await this.#client.deleteInvitation({ chat_id: this.#chatId, invitation_id: invitationId });
    this.invitations.update((all) => all.filter(({ invitation_id }) => invitation_id !== invitationId));
  }

  apply(event: ChatEvent): void {
    if (!("chat_id" in event) || event.chat_id !== this.#chatId) return;
    if (!event.type.startsWith("participant.")) return;
    // The user may have joined by an invitation, which counts it as a use.
    if (event.type === "participant.added") void this.invitations.reload();
    // The read that is in progress may have been answered before the event.
    if (this.participants.isLoading.peek()) void this.participants.reload();
    else this.participants.update((all) => afterEvent(all, event));
  }

  /** Reads again what has been read: events were missed. */
  reset(): void {
    void this.participants.reload();
    void this.invitations.reload();
  }

  close(): void {
    this.#onClose();
  }

  #may(settingOf: (policy: Policy) => "everyone" | "admins"): ReadonlySignal<boolean> {
    return computed(() => {
      const chat = this.chat.value;
      if (!chat?.policy) return chat?.kind === "p2p";
      return chat.role !== "member" || settingOf(chat.policy) === "everyone";
    });
  }

  async #readParticipants(): Promise<readonly Participant[]> {
    const participants: Participant[] = [];
    const request = { chat_id: this.#chatId, limit: PARTICIPANTS_PER_PAGE };
    for await (const page of this.#client.pages("listParticipants", request)) participants.push(...page);
    return participants;
  }
}

function afterEvent(participants: readonly Participant[], event: ChatEvent): readonly Participant[] {
  switch (event.type) {
    case "participant.added": {
      const { user_id, username, at } = event;
      const others = participants.filter((each) => each.user_id !== user_id);
      return [...others, { user_id, username, joined_at: at, role: "member" }];
    }
    case "participant.removed":
      return participants.filter(({ user_id }) => user_id !== event.user_id);
    case "participant.role_changed":
      return participants.map((each) =>
        each.user_id === event.user_id ? { ...each, role: event.role } : each,
      );
    default:
      return participants;
  }
}
