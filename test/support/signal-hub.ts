import type { SignalChannel } from "../../src/application/ports.js";
import type { NodeSignal } from "../../src/domain/live-signal.js";

type Receive = (signal: NodeSignal, from: string) => void;

/** Connects channels within this process, as if they were of several. Delivers at once. */
export function signalHub(): { open(): SignalChannel } {
  const all: Set<Receive>[] = [];
  return {
    open() {
      const own = new Set<Receive>();
      const from = `node ${all.push(own)}`;
      return {
        publish(signal) {
          for (const others of all) if (others !== own) for (const receive of others) receive(signal, from);
        },
        subscribe(receive) {
          const subscriber: Receive = (signal, sender) => receive(signal, sender);
          own.add(subscriber);
          return () => void own.delete(subscriber);
        },
      };
    },
  };
}
