import { MessagingError, type ErrorCode } from "../../src/domain/errors.js";

/** The code with which this is refused; undefined where it is not. Whatever else is thrown is thrown on. */
export function refusal(attempt: () => unknown): ErrorCode | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

/** The same of something that takes time. */
export async function refusalOf(attempt: Promise<unknown>): Promise<ErrorCode | undefined> {
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
