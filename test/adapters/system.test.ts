import { expect } from "chai";
import { keyedSecrets, uuids } from "../../src/adapters/system.js";
import { idsContract, secretsContract } from "../contract/index.js";

describe("system adapters", () => {
  idsContract({ describe, it, beforeEach, afterEach }, () => uuids);
  secretsContract({ describe, it, beforeEach, afterEach }, () => keyedSecrets(["newest", "older"]));

  it("keyedSecrets digests under the current key first, then under older keys", () => {
    const [newest, older] = keyedSecrets(["newest", "older"]).digests("secret");
    expect([newest]).to.deep.equal(keyedSecrets(["newest"]).digests("secret"));
    expect([older]).to.deep.equal(keyedSecrets(["older"]).digests("secret"));
  });
});
