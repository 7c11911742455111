import { expect } from "chai";
import { createMetrics } from "../../../src/adapters/http/metrics.js";
import type { DatabaseStatus, StoreStatus } from "../../../src/application/ports.js";

describe("createMetrics", () => {
  const sound: StoreStatus = { fault: undefined, transactions: 3, commits: 2 };
  const streams = { count: () => 0 };

  it("reports connections, waiting calls, retries, the outbox and the lag of a store on a database server as of each scrape", async () => {
    let database: DatabaseStatus = {
      connections: { used: 0, idle: 0, waiting: 0 },
      retries: 0,
      outboxRows: 0,
      relayLagSeconds: 0,
    };
    const metrics = createMetrics(() => ({ ...sound, database }), streams);
    const samples = async () => (await metrics.text()).match(/^palaver_(?:database|outbox|relay)\S+ .*$/gm);
    expect(await samples()).to.deep.equal([
      'palaver_database_connections{state="used"} 0',
      'palaver_database_connections{state="idle"} 0',
      "palaver_database_waiting_calls 0",
      "palaver_database_retries_total 0",
      "palaver_outbox_rows 0",
      "palaver_relay_lag_seconds 0",
    ]);
    database = {
      connections: { used: 4, idle: 6, waiting: 2 },
      retries: 7,
      outboxRows: 120,
      relayLagSeconds: 0.25,
    };
    for (let scrape = 0; scrape < 2; scrape += 1) {
      expect(await samples()).to.deep.equal([
        'palaver_database_connections{state="used"} 4',
        'palaver_database_connections{state="idle"} 6',
        "palaver_database_waiting_calls 2",
        "palaver_database_retries_total 7",
        "palaver_outbox_rows 120",
        "palaver_relay_lag_seconds 0.25",
      ]);
    }
  });

  it("has no metrics of a database for other stores", async () => {
    const text = await createMetrics(() => sound, streams).text();
    expect(text)
      .to.include("palaver_store_transactions_total 3\n")
      .and.not.match(/database|outbox|relay/);
  });
});
