import { MessagingError } from "./errors.js";

/** The role of a participant in a group chat. A group with participants has exactly one owner. */
export type Role = "owner" | "admin" | "member";

/** The participants who may act: all of them, or its owner and admins. */
export type Permitted = "everyone" | "admins";

/** The rights in a group chat. The owner and admins change it. */
export interface Policy {
  /** The participants who can add users. */
  readonly add: Permitted;
  /** The participants who can remove others. Under `admins`, nobody removes the owner. Each participant can leave. */
  readonly remove: Permitted;
  /** The participants who can change the title. */
  readonly rename: Permitted;
  /** The participants who can send messages. */
  readonly post: Permitted;
  /** The messages that a user who joins can read: all of them, or those sent since. */
  readonly history: "all" | "since_join";
}

/** A change of some settings of a policy. */
export type PolicyChange = { readonly [Setting in keyof Policy]?: Policy[Setting] | undefined };

/** What a participant can do in a group chat. `remove` and `removeOwner` are of others. */
export type Action = "add" | "remove" | "removeOwner" | "rename" | "post" | "configure" | "appoint";

export const ROLES: readonly [Role, ...Role[]] = ["owner", "admin", "member"];

const PERMITTED_VALUES = ["everyone", "admins"] as const;

/** The values of each setting, the default first. */
export const POLICY_VALUES = {
  add: PERMITTED_VALUES,
  remove: PERMITTED_VALUES,
  rename: PERMITTED_VALUES,
  post: PERMITTED_VALUES,
  history: ["all", "since_join"],
} as const satisfies { readonly [Setting in keyof Policy]: readonly Policy[Setting][] };

/** The policy of a new group chat: all participants have the same rights. */
export const DEFAULT_POLICY: Policy = Object.freeze({
  add: "everyone",
  remove: "everyone",
  rename: "everyone",
  post: "everyone",
  history: "all",
});

/** The participants who may do each action. Nothing else decides it. */
const RULES: Readonly<Record<Action, (policy: Policy) => Permitted | "owner">> = {
  add: ({ add }) => add,
  rename: ({ rename }) => rename,
  post: ({ post }) => post,
  remove: ({ remove }) => remove,
  removeOwner: ({ remove }) => (remove === "everyone" ? "everyone" : "owner"),
  configure: () => "admins",
  appoint: () => "owner",
};

const ROLES_OF: Readonly<Record<Permitted | "owner", readonly Role[]>> = {
  everyone: ["owner", "admin", "member"],
  admins: ["owner", "admin"],
  owner: ["owner"],
};

const policyText = (setting: string, action: string) =>
  `The policy of this chat has ${setting}: admins. Ask its owner or an admin to ${action}.`;

/** The reason why an action is not allowed, and the participants who may act. */
const REASONS: Readonly<Record<Action, string>> = {
  add: policyText("add", "add the user"),
  rename: policyText("rename", "change the title"),
  post: policyText("post", "send the message"),
  remove: policyText("remove", "remove the user"),
  removeOwner: "The policy of this chat has remove: admins, so only the owner ends their own participation.",
  configure: "Only the owner and admins of this chat change its policy and metadata. Ask one of them.",
  appoint: "Only the owner of this chat changes roles. Ask the owner.",
};

/** Whether a participant with this role may act under this policy. */
export function mayAct(role: Role, policy: Policy, action: Action): boolean {
  return ROLES_OF[RULES[action](policy)].includes(role);
}

/** @throws MessagingError `not_allowed` unless `mayAct`. */
export function assertMayAct(role: Role, policy: Policy, action: Action): void {
  if (!mayAct(role, policy, action)) throw new MessagingError("not_allowed", REASONS[action]);
}

/** The policy with some settings changed. */
export function changePolicy(policy: Policy, change: PolicyChange): Policy {
  return {
    add: change.add ?? policy.add,
    remove: change.remove ?? policy.remove,
    rename: change.rename ?? policy.rename,
    post: change.post ?? policy.post,
    history: change.history ?? policy.history,
  };
}
