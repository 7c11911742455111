import type { Action, Policy, Role } from "../../src/domain/policy.js";
import { POLICY_VALUES } from "../../src/domain/policy.js";

/** The setting of the policy that decides about an action, and the roles that may act under each of its values. */
interface Rights {
  readonly setting?: "add" | "remove" | "rename" | "post";
  readonly everyone: readonly Role[];
  readonly admins: readonly Role[];
}

const ALL: readonly Role[] = ["owner", "admin", "member"];
const ADMINS: readonly Role[] = ["owner", "admin"];
const OWNER: readonly Role[] = ["owner"];

/** The rights, written by hand from the specification. */
const RIGHTS: Readonly<Record<Action, Rights>> = {
  add: { setting: "add", everyone: ALL, admins: ADMINS },
  remove: { setting: "remove", everyone: ALL, admins: ADMINS },
  removeOwner: { setting: "remove", everyone: ALL, admins: OWNER },
  rename: { setting: "rename", everyone: ALL, admins: ADMINS },
  post: { setting: "post", everyone: ALL, admins: ADMINS },
  configure: { everyone: ADMINS, admins: ADMINS },
  appoint: { everyone: OWNER, admins: OWNER },
};

export const ACTIONS = Object.keys(RIGHTS) as readonly Action[];

/** Every policy. */
export const POLICIES: readonly Policy[] = POLICY_VALUES.add.flatMap((add) =>
  POLICY_VALUES.remove.flatMap((remove) =>
    POLICY_VALUES.rename.flatMap((rename) =>
      POLICY_VALUES.post.flatMap((post) =>
        POLICY_VALUES.history.map((history) => ({ add, remove, rename, post, history })),
      ),
    ),
  ),
);

export function isAllowed(role: Role, policy: Policy, action: Action): boolean {
  const { setting, ...rights } = RIGHTS[action];
  return rights[setting ? policy[setting] : "everyone"].includes(role);
}
