/** `palaver/contract`: the promises of the ports as tests for adapters. They need a test runner and Node, no package. */
export { passwordHasherContract } from "./passwords.js";
export { idsContract, secretsContract } from "./randomness.js";
export type { Runner } from "./fixtures.js";
export { signalChannelContract, type SignalChannelOpening } from "./signals.js";
export { storeContract, type StoreOpening } from "./store.js";
