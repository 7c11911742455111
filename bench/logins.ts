import { join } from "node:path";
import { compare, measureRounds, type Figure } from "./figures.js";
import { createMembers } from "./members.js";
import { exchange, launch, OTHER_CORES, startServer, stop } from "./processes.js";
import type { Settings } from "./settings.js";
import { formatRate, measureClosedLoop, responsesPerSecond } from "./targets.js";

/** Measures logins, against password hashing alone with the same concurrency. */
export async function measureLogins(settings: Settings): Promise<readonly Figure[]> {
  const server = await startServer("palaver", join(settings.scratch, "logins"), OTHER_CORES);
  const { logins } = await createMembers(server.port);
  const hasher = launch("./hashing.js", { onCores: OTHER_CORES });
  const rounds = await measureRounds(settings.rounds, {
    palaver: async () => responsesPerSecond(await measureClosedLoop(server, logins, 8, settings)),
    hashing: async () => exchange<number>(hasher, { milliseconds: settings.lapMs }),
  });
  await stop(hasher, "SIGKILL");
  await server.stop();
  return [
    compare(
      "Logins a second, against argon2 alone",
      rounds,
      [(round) => round.palaver, (round) => round.hashing],
      formatRate,
    ),
  ];
}
