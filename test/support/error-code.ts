import { MessagingError, type ErrorCode } from "../../src/domain/errors.js";

/** Returns the code of the `MessagingError` that the call throws, or undefined. Rethrows other errors. */
export function errorCode(attempt: () => unknown): ErrorCode | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

/** Returns the code of the `MessagingError` that the promise rejects with, or undefined. Rethrows other errors. */
export async function errorCodeOf(attempt: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): ErrorCode {
  if (error instanceof MessagingError) return error.code;
  throw error;
}
