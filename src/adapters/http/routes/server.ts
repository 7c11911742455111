import { z } from "zod";
import type { StoreStatus } from "../../../application/ports.js";
import { MessagingError } from "../../../domain/errors.js";
import { nothingSchema } from "../json/nothing.js";
import type { Metrics } from "../metrics.js";
import { operation, type Operation } from "../operation.js";

/** Health, readiness and metrics, for monitoring. */
export function serverOperations(storeStatus: () => StoreStatus, metrics: Metrics): readonly Operation[] {
  return [
    operation({
      name: "getHealth",
      summary: "Check whether the server is running.",
      method: "get",
      paths: ["/healthz"],
      access: "anyone",
      response: nothingSchema,
      handle: async () => ({}),
    }),
    operation({
      name: "getReadiness",
      summary:
        "Check whether the server can store data and its files are sound; if not, the problem says why.",
      method: "get",
      paths: ["/readyz"],
      access: "anyone",
      response: nothingSchema,
      errors: ["store_unavailable"],
      async handle() {
        const { fault, damage } = storeStatus();
        const reason = fault ?? damage;
        if (reason !== undefined) throw new MessagingError("store_unavailable", reason);
        return {};
      },
    }),
    operation({
      name: "getMetrics",
      summary: "Read metrics in the Prometheus format.",
      method: "get",
      paths: ["/metrics"],
      access: "anyone",
      type: metrics.contentType,
      response: z.string().meta({ examples: ["palaver_store_writable 1\n"] }),
      handle: () => metrics.text(),
    }),
  ];
}
