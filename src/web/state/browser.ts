import type { Ports } from "./ports.js";

/** The facilities of this browser. */
export declare function browserPorts(): Ports;
