import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { StoreStatus } from "../../application/ports.js";
import type { EventStreams } from "./streams.js";

/** What Prometheus is told of one server. */
export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  /** @param route the pattern of the path, never the path: there must be few of them. */
  countRequest(method: string, route: string, status: string, seconds: number): void;
}

export function createMetrics(storeStatus: () => StoreStatus, streams: Pick<EventStreams, "count">): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: "palaver_http_requests_total",
    help: "Requests answered.",
    labelNames: ["method", "route", "status"],
    registers,
  });
  const seconds = new Histogram({
    name: "palaver_http_request_duration_seconds",
    help: "From the head of a request to the end of its answer.",
    labelNames: ["method", "route"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  });
  reflect(Counter, "palaver_store_transactions_total", "Transactions made durable.", () => {
    return storeStatus().transactions;
  });
  reflect(Counter, "palaver_store_commits_total", "Waits for the disk, each for many transactions.", () => {
    return storeStatus().commits;
  });
  reflect(Gauge, "palaver_store_writable", "1 while the store can keep what it is given.", () => {
    return storeStatus().fault ? 0 : 1;
  });
  reflect(Gauge, "palaver_event_streams", "Streams of events that are open.", () => streams.count());

  /** A figure that is kept elsewhere, read when Prometheus asks. */
  function reflect(
    Kind: typeof Counter | typeof Gauge,
    name: string,
    help: string,
    read: () => number,
  ): void {
    const metric: Counter | Gauge = new Kind({
      name,
      help,
      registers,
      collect() {
        metric.reset();
        metric.inc(read());
      },
    });
  }

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    countRequest(method, route, status, duration) {
      requests.inc({ method, route, status });
      seconds.observe({ method, route }, duration);
    },
  };
}
