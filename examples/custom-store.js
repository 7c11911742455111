// @ts-check
/** @import { ReadRepositories, Repositories, Store } from "palaver" */
import { randomBytes } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { MessagingError } from "palaver";
import { openMemoryStore } from "palaver/memory";

/** @typedef {Record<string, Record<string, (...args: unknown[]) => Promise<unknown>>>} Methods */

/** All that writes. What it is given is decided by then: doing it again in the same order ends in the same state. */
const WRITING = {
  users: ["add", "replacePassword", "setDisabledAt"],
  chats: ["addGroup", "openP2p", "addParticipant", "removeParticipant", "rename", "setRead"],
  messages: ["append", "update"],
  sessions: ["add", "touch", "remove", "removeExpired"],
  events: ["append", "forget"],
};

/**
 * A store that holds everything in memory and keeps a journal, a file with a line for each transaction. One process at a time
 * may have it open.
 *
 * @param {string} path
 * @returns {Promise<Store>}
 */
export async function openJournalStore(path) {
  const memory = openMemoryStore();
  // What stands behind the last line break was cut off, and nobody was told that it is stored.
  const lines = (await readFile(path, { encoding: "utf8", flag: "a+" })).split("\n").slice(0, -1);
  const [epoch = randomBytes(8).toString("hex"), ...transactions] = lines;
  for (const line of transactions) {
    await memory.transaction(async (all) => {
      for (const [noun, name, args] of JSON.parse(line)) await methodsOf(all)[noun][name](...args);
    });
  }
  const journal = await open(path, "a");
  await journal.truncate(Buffer.byteLength(lines.map((line) => `${line}\n`).join("")));
  if (lines.length === 0) await append(epoch);
  // Or a power cut could take the file itself.
  const directory = await open(dirname(path));
  await directory.sync();
  await directory.close();
  let fault = /** @type {string | undefined} */ (undefined);

  /** @param {string} line */
  async function append(line) {
    await journal.writeFile(`${line}\n`);
    await journal.sync();
  }

  return {
    ...memory,
    read: (work) => memory.read((all) => work(noting(all, epoch, []))),
    transaction: (work) =>
      memory.transaction(async (all) => {
        if (fault !== undefined) throw new MessagingError("store_unavailable", fault);
        const calls = /** @type {string[]} */ ([]);
        const answer = await work(noting(all, epoch, calls));
        // Others see it when this ends, so not before it is on the disk. If this fails, memory takes all of it back.
        if (calls.length > 0) {
          await append(`[${calls.join()}]`).catch((error) => {
            fault = `The journal could not be written to: ${error}. Mend that, and open it anew.`;
            throw error;
          });
        }
        return answer;
      }),
    status() {
      const status = memory.status();
      return { ...status, fault, transactions: status.transactions - transactions.length };
    },
    async close() {
      await memory.close();
      await journal.close();
    },
  };
}

/**
 * The repositories of the memory store, with the epoch of the journal, and with each call that writes noted.
 *
 * @param {ReadRepositories} all
 * @param {string} epoch
 * @param {string[]} calls
 * @returns {Repositories}
 */
function noting(all, epoch, calls) {
  const noted = { ...methodsOf(all) };
  for (const [noun, names] of Object.entries(WRITING)) {
    const repository = noted[noun];
    noted[noun] = { ...repository };
    for (const name of names) {
      noted[noun][name] = async (...args) => {
        const call = JSON.stringify([noun, name, args]);
        const answer = await repository[name](...args);
        calls.push(call);
        return answer;
      };
    }
  }
  noted["events"]["bounds"] = async () => ({ ...(await all.events.bounds()), epoch });
  return /** @type {Repositories} */ (/** @type {unknown} */ (noted));
}

/** @param {ReadRepositories} all */
function methodsOf(all) {
  return /** @type {Methods} */ (/** @type {unknown} */ (all));
}
