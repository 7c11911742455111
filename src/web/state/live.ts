/**
 * - `connecting`: no stream has been open yet.
 * - `live`: events arrive as they happen.
 * - `reconnecting`: the stream was lost, and is being opened again.
 * - `offline`: the browser has no network.
 */
export type LiveStatus = "connecting" | "live" | "reconnecting" | "offline";
