import { expect } from "chai";
import { keyedSecrets, uuids } from "../../src/adapters/system.js";
import { idsContract, secretsContract } from "../contract/index.js";

describe("the system's", () => {
  idsContract({ describe, it, beforeEach, afterEach }, () => uuids);
  secretsContract({ describe, it, beforeEach, afterEach }, () => keyedSecrets(["newest", "older"]));

  it("secrets are found under older keys, and stored under the newest", () => {
    const [newest, older] = keyedSecrets(["newest", "older"]).digests("secret");
    expect([newest]).to.deep.equal(keyedSecrets(["newest"]).digests("secret"));
    expect([older]).to.deep.equal(keyedSecrets(["older"]).digests("secret"));
  });
});
