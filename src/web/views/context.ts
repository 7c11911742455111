import type { ReadonlySignal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Route } from "../route.js";
import type { Account } from "../state/account.js";
import type { Session } from "../state/session.js";

/** What every view of a user who is logged in needs. */
export interface Surroundings {
  readonly account: Account;
  readonly session: Session;
  readonly route: ReadonlySignal<Route>;
}

export const SurroundingsContext = createContext<Surroundings | undefined>(undefined);

/** @throws Error outside of `SurroundingsContext` */
export function useSurroundings(): Surroundings {
  const surroundings = useContext(SurroundingsContext);
  if (!surroundings) throw new Error("This view needs a session around it.");
  return surroundings;
}

export function useSession(): Session {
  return useSurroundings().session;
}
