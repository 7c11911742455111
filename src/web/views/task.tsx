import { useSignal, type ReadonlySignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { toFailure, type Failure } from "../state/failure.js";
import type { Loaded } from "../state/loaded.js";
import { texts } from "../texts.js";

/** Work that a user has started. */
export interface Task {
  readonly isBusy: ReadonlySignal<boolean>;
  /** Why the last run failed, or `undefined`. */
  readonly failure: ReadonlySignal<Failure | undefined>;
  /** Runs the work, unless the previous one is in progress. Resolves to whether it succeeded. Never rejects. */
  run(work: () => Promise<unknown>): Promise<boolean>;
  /** Forgets the failure. */
  clear(): void;
}

export function useTask(): Task {
  const isBusy = useSignal(false);
  const failure = useSignal<Failure | undefined>(undefined);
  return {
    isBusy,
    failure,
    async run(work) {
      if (isBusy.peek()) return false;
      isBusy.value = true;
      failure.value = undefined;
      try {
        await work();
        return true;
      } catch (error) {
        failure.value = toFailure(error);
        return false;
      } finally {
        isBusy.value = false;
      }
    },
    clear() {
      failure.value = undefined;
    },
  };
}

/** Reads a list when it is shown, and again when the user returns to the page: its changes have no events. */
export function useFresh(list: Loaded<unknown>): void {
  useEffect(() => {
    const load = () => {
      if (document.visibilityState === "visible") void list.load();
    };
    load();
    document.addEventListener("visibilitychange", load);
    return () => document.removeEventListener("visibilitychange", load);
  }, [list]);
}

/** The reason of a failure, for people. Empty without one. Screen readers say it at once. */
export function FailureText({ of: { value } }: { readonly of: { readonly value: Failure | undefined } }) {
  return (
    <p class="failure" role="alert">
      {value && texts.failure(value.code, value.detail)}
    </p>
  );
}
