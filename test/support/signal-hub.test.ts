import { signalChannelContract } from "../contract/index.js";
import { signalHub } from "./signal-hub.js";

describe("signalHub", () => {
  signalChannelContract(
    { describe, it, beforeEach, afterEach },
    {
      async open() {
        const hub = signalHub();
        return [hub.open(), hub.open(), hub.open()];
      },
    },
  );
});
