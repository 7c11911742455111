import { join } from "node:path";
import { closedLoop, perSecond, rate } from "./contenders.js";
import { inTurn, ratio, type Figure } from "./figures.js";
import { signUp } from "./members.js";
import { ask, end, launch, OTHER_CORES, startServer } from "./processes.js";
import type { Setting } from "./setting.js";

/** Logins a second, against what the machine can hash when it does nothing else, as many at a time as the server does. */
export async function measureLogins(setting: Setting): Promise<readonly Figure[]> {
  const server = await startServer("palaver", join(setting.scratch, "logins"), OTHER_CORES);
  const { logins } = await signUp(server.port);
  const hasher = launch("./hashing.js", { onCores: OTHER_CORES });
  const rounds = await inTurn(setting.rounds, {
    palaver: async () => rate(await closedLoop(server, logins, 8, setting)),
    hashing: async () => ask<number>(hasher, { milliseconds: setting.lap }),
  });
  await end(hasher, "SIGKILL");
  await server.end();
  return [
    ratio(
      "Logins a second, against argon2 alone",
      { atLeast: 0.85 },
      rounds,
      [(round) => round.palaver, (round) => round.hashing],
      perSecond,
    ),
  ];
}
