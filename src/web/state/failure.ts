import { PalaverError, type ClientCode } from "../../client/index.js";

/** Why something failed, as data. */
export interface Failure {
  /** A code of the API or of the client; `failed` for any other error, which is a bug. */
  readonly code: ClientCode | "failed";
  /** The reason, for people, in English. Show a text for the code in its place where there is one. */
  readonly detail: string;
  /** The invalid fields, if the server names them. */
  readonly errors: readonly { readonly field: string; readonly detail: string }[];
}

export function toFailure(error: unknown): Failure {
  if (error instanceof PalaverError) {
    const { code, detail, errors } = error;
    return { code, detail, errors };
  }
  return { code: "failed", detail: error instanceof Error ? error.message : String(error), errors: [] };
}

/**
 * Whether the same request can succeed later, because the network, a proxy or the server failed, or the server asks to
 * wait. Only an error of Palaver itself is a rejection.
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof PalaverError)) return false;
  const { code, status } = error;
  return (
    code === "no_answer" ||
    code === "unexpected_answer" ||
    code === "request_timeout" ||
    status === 429 ||
    status >= 500
  );
}
