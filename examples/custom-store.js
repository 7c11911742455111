// @ts-check
/** @import { ReadRepositories, Repositories, Store } from "palaver" */
import { randomBytes } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { MessagingError } from "palaver";
import { openMemoryStore } from "palaver/memory";

/** @typedef {Record<string, Record<string, (...args: unknown[]) => Promise<unknown>>>} Methods */

/** The methods that write. Their arguments contain every decided value, so repeating the calls in order restores the state. */
const WRITE_METHODS = {
  users: ["add", "replacePassword", "setDisplayName", "setDisabledAt", "delete", "endErasure"],
  blocks: ["add", "remove", "deleteOfUser"],
  chats: [
    "addGroup",
    "addP2p",
    "addParticipant",
    "removeParticipant",
    "releasePair",
    "setRole",
    "setSettings",
    "update",
    "setRead",
    "deleteRead",
  ],
  messages: ["append", "update", "setReactions", "erase", "forget"],
  reactions: ["add", "remove", "deleteOfDeleted"],
  sessions: ["add", "touch", "remove", "removeExpired"],
  invitations: ["add", "countUse", "remove"],
  events: ["append", "forget"],
};

/**
 * Opens a store that keeps its data in memory and in a journal, a file with one line per transaction. Only one process may
 * open it at a time.
 *
 * @param {string} path of the journal, which is created if it does not exist
 * @returns {Promise<Store>}
 * @throws if the journal contains an invalid line
 */
export async function openJournalStore(path) {
  const memory = openMemoryStore();
  // An incomplete last line belongs to a transaction that never resolved.
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
  // Without this sync, a power cut could remove a new file.
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
    read: (work) => memory.read((all) => work(recorded(all, epoch, []))),
    transaction: (work) =>
      memory.transaction(async (all) => {
        if (fault !== undefined) throw new MessagingError("store_unavailable", fault);
        const calls = /** @type {string[]} */ ([]);
        const result = await work(recorded(all, epoch, calls));
        // Others see the changes after this, so they must be on the disk. If this fails, the memory store rolls back.
        if (calls.length > 0) {
          await append(`[${calls.join()}]`).catch((error) => {
            fault = `Cannot write to the journal: ${error}. Solve this and open the store again.`;
            throw error;
          });
        }
        return result;
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
 * Returns the repositories of the memory store with the epoch of the journal. They add each call that writes to `calls`.
 *
 * @param {ReadRepositories} all
 * @param {string} epoch
 * @param {string[]} calls
 * @returns {Repositories}
 */
function recorded(all, epoch, calls) {
  const recording = { ...methodsOf(all) };
  for (const [noun, names] of Object.entries(WRITE_METHODS)) {
    const repository = recording[noun];
    recording[noun] = { ...repository };
    for (const name of names) {
      recording[noun][name] = async (...args) => {
        const call = JSON.stringify([noun, name, args]);
        const result = await repository[name](...args);
        calls.push(call);
        return result;
      };
    }
  }
  recording["events"]["bounds"] = async () => ({ ...(await all.events.bounds()), epoch });
  return /** @type {Repositories} */ (/** @type {unknown} */ (recording));
}

/** @param {ReadRepositories} all */
function methodsOf(all) {
  return /** @type {Methods} */ (/** @type {unknown} */ (all));
}
