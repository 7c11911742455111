import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { StoreStatus } from "../../application/ports.js";
import type { EventStreams } from "./streams.js";

/** The Prometheus metrics of one server. */
export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  /** @param route the pattern of the path, not the path itself, since each value is a time series */
  countRequest(method: string, route: string, status: string, seconds: number): void;
}

export function createMetrics(storeStatus: () => StoreStatus, streams: Pick<EventStreams, "count">): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: "palaver_http_requests_total",
    help: "Requests by route and status.",
    labelNames: ["method", "route", "status"],
    registers,
  });
  const seconds = new Histogram({
    name: "palaver_http_request_duration_seconds",
    help: "Seconds from the request headers to the end of the response.",
    labelNames: ["method", "route"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  });
  registerRead(Counter, "palaver_store_transactions_total", "Transactions committed durably.", () => {
    return storeStatus().transactions;
  });
  registerRead(
    Counter,
    "palaver_store_commits_total",
    "Disk syncs, each of which commits one or more transactions.",
    () => {
      return storeStatus().commits;
    },
  );
  registerRead(Gauge, "palaver_store_writable", "1 while the store accepts writes, otherwise 0.", () => {
    return storeStatus().fault ? 0 : 1;
  });
  registerRead(
    Gauge,
    "palaver_store_damaged",
    "1 while stored files are known to be damaged, otherwise 0.",
    () => {
      return storeStatus().damage ? 1 : 0;
    },
  );
  registerRead(
    Counter,
    "palaver_store_repairs_total",
    "Times that damaged files were found and replaced from memory.",
    () => {
      return storeStatus().repairs ?? 0;
    },
  );
  registerRead(Gauge, "palaver_event_streams", "Open event streams.", () => streams.count());
  if (storeStatus().database) registerDatabase();

  /** Registers the metrics of a store on a database server. */
  function registerDatabase(): void {
    const database = () => storeStatus().database;
    const connections = new Gauge({
      name: "palaver_database_connections",
      help: "Open connections of this process to the database, by state.",
      labelNames: ["state"],
      registers,
      collect() {
        connections.set({ state: "used" }, database()?.connections.used ?? 0);
        connections.set({ state: "idle" }, database()?.connections.idle ?? 0);
      },
    });
    registerRead(Gauge, "palaver_database_waiting_calls", "Calls that wait for a connection.", () => {
      return database()?.connections.waiting ?? 0;
    });
    registerRead(
      Counter,
      "palaver_database_retries_total",
      "Transactions run again after a conflict with another one.",
      () => {
        return database()?.retries ?? 0;
      },
    );
    registerRead(
      Gauge,
      "palaver_outbox_rows",
      "Committed events of all nodes that are not in the event log yet.",
      () => {
        return database()?.outboxRows ?? 0;
      },
    );
    registerRead(
      Gauge,
      "palaver_relay_lag_seconds",
      "Age of the oldest committed event that is not in the event log yet, 0 without one.",
      () => {
        return database()?.relayLagSeconds ?? 0;
      },
    );
  }

  /** Registers a metric whose value is read at each scrape. */
  function registerRead(
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
