import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { Code } from "../../src/client/index.js";
import { texts } from "../../src/web/texts.js";

const OPENAPI = join(import.meta.dirname, "../../../docs/openapi.json");

describe("texts.failure", () => {
  const { components } = JSON.parse(readFileSync(OPENAPI, "utf8")) as {
    readonly components: { readonly schemas: { readonly Code: { readonly enum: readonly Code[] } } };
  };

  const { enum: codes } = components.schemas.Code;

  it("shows the text of the server where it is written for users", () => {
    for (const code of ["username_taken", "invalid_title", "too_many_tokens", "directory_off"] as const) {
      expect(texts.failure(code, "The text of the server."), code).to.equal("The text of the server.");
    }
  });

  it("replaces the text of the server where it is written for programs", () => {
    const replaced = codes.filter(
      (code) => texts.failure(code, "Check the chat id.") !== "Check the chat id.",
    );
    expect(replaced).to.include.members([
      "not_a_participant",
      "not_found",
      "unknown_chat",
      "unknown_message",
      "unknown_session",
      "unknown_token",
      "user_not_in_chat",
      "invalid_request",
      "invalid_reply",
      "invalid_mention",
      "idempotency_key_reused",
      "outcome_unknown",
      "internal_error",
    ]);
  });

  it("uses no words of programs", () => {
    for (const code of codes) {
      const text = texts.failure(code, "");
      expect(text, code).to.not.match(/\b(ids?|cursor|header|body|JSON|HTTP|request|operator)\b/i);
    }
  });
});
