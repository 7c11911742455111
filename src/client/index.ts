/** The client of the HTTP API, for Node and for browsers, over `fetch` and nothing else. */
export { createClient, type Client, type ClientOptions } from "./client.js";
export { PalaverError, type ClientCode } from "./problem.js";
export type { CallOptions, SendOptions } from "./call.js";
export type { FollowedEvent, FollowOptions, Resync } from "./events.js";
export type * from "./api.js";
