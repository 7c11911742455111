import type { SignalChannel } from "../../../src/application/ports.js";
import type { NodeSignal } from "../../../src/domain/live-signal.js";
import { signalHub } from "../../support/signal-hub.js";
import type { Runner } from "../fixtures.js";
import { signalChannelContract } from "../signals.js";

const channels = (name: string, change: (sound: SignalChannel) => Partial<SignalChannel>) => ({
  name,
  define: (runner: Runner) =>
    signalChannelContract(runner, {
      async open() {
        const hub = signalHub();
        const open = () => {
          const sound = hub.open();
          return { ...sound, ...change(sound) };
        };
        return [open(), open(), open()];
      },
    }),
});

export const soundChannels = channels("sound", () => ({}));

export const channelMutants = {
  "SignalChannel.publish": [
    channels("drops what does not fit", (sound) => ({
      publish: (signal) => void (JSON.stringify(signal).length < 1_000 && sound.publish(signal)),
    })),
    channels("changes the order", (sound) => {
      const waiting: NodeSignal[] = [];
      return {
        publish(signal) {
          if (waiting.unshift(signal) === 1) {
            queueMicrotask(() => waiting.splice(0).forEach((each) => sound.publish(each)));
          }
        },
      };
    }),
    channels("echoes", (sound) => {
      const own: ((signal: NodeSignal, from: string) => void)[] = [];
      return {
        publish(signal) {
          sound.publish(signal);
          for (const receive of own) receive(signal, "me");
        },
        subscribe(receive) {
          own.push(receive);
          return sound.subscribe(receive);
        },
      };
    }),
    channels("has one name for all", (sound) => ({
      subscribe: (receive) => sound.subscribe((signal) => receive(signal, "node")),
    })),
  ],
  "SignalChannel.subscribe": [
    channels("does not end", (sound) => ({
      subscribe(receive) {
        sound.subscribe(receive);
        return () => {};
      },
    })),
    channels("has one subscription", (sound) => {
      let unsubscribe = () => {};
      return {
        subscribe(receive) {
          unsubscribe();
          return (unsubscribe = sound.subscribe(receive));
        },
      };
    }),
  ],
};
