/** The client of the HTTP API, for Node and for browsers. It needs `fetch` and nothing else. */
export { createClient, type Client, type ClientOptions } from "./client.js";
export { PalaverError, type ClientCode } from "./problem.js";
export type { CallOptions, SendOptions } from "./options.js";
export type {
  ClientEvent,
  ClientSignal,
  EventsOptions,
  PresenceSignal,
  Resync,
  TypingSignal,
} from "./events.js";
export type * from "./api.js";
