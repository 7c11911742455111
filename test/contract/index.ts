/** What the ports promise, as tests for those who write adapters. They run under any runner, and need nothing but Node. */
export { passwordHasherContract } from "./passwords.js";
export { idsContract, secretsContract } from "./randomness.js";
export type { Runner } from "./scene.js";
export { storeContract, type StoreOpening } from "./store.js";
