import type { Disk, OpenFile } from "../../src/adapters/sqlite/wal/disk.js";

/** Picks one of 0 … count − 1. It is the only source of chance, so that the same choices reproduce the same disk. */
export type Choose = (count: number) => number;

/** Thrown to a process that was killed, or whose machine lost power. */
export class CrashError extends Error {
  override readonly name = "CrashError";
}

/** A call of the disk, before it happens. */
export interface Operation {
  /** Counts 1, 2, 3, … over the life of the disk. */
  readonly number: number;
  readonly call: keyof Disk | keyof OpenFile;
  /** The file; the new name for a rename; empty for a call on the directory. */
  readonly name: string;
}

/** A fault of a call. `take` limits a write to that many bytes, at least one, which is legal; other calls ignore it. */
export type Fault = "power cut" | "kill" | { readonly error: string } | { readonly take: number };

/** A medium with the page cache of its kernel. It outlives the processes that use it. */
export interface SimulatedDisk {
  /** The disk as a new process sees it, until the process is killed. */
  mount(): Disk;
  /** Decides the fault of each call from now on; undefined for no fault. */
  fault: ((operation: Operation) => Fault | undefined) | undefined;
  /** The maximum size of all files together, in bytes. */
  capacity: number;
  /** The length of each file in bytes, by name. */
  files(): ReadonlyMap<string, number>;
  /** The size of all files together, in bytes. */
  readonly used: number;
  /** The number of calls so far. */
  readonly operations: number;
  /**
   * Kills every process. Each written sector, each growth of a file and each change of a name that is not durable may be lost,
   * independently of the others.
   */
  powerCut(): void;
  /** Kills every process. The page cache remains, so that nothing is lost and nothing becomes durable. */
  kill(): void;
  /** Flips one bit of a file, on the medium and in the cache. */
  flip(name: string, bit: number): void;
  /** A new disk with the current content of all files, durable. */
  copy(choose: Choose): SimulatedDisk;
}

/** The unit that is written atomically, in bytes. */
export const SECTOR = 512;

/** Pseudo-random choices from a seed (a Weyl sequence, mixed as in MurmurHash3). */
export function seeded(seed: number): Choose {
  let state = seed | 0;
  return (count) => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) % count;
  };
}

interface File {
  /** The content of the medium. */
  durable: Uint8Array;
  /** The content of the page cache, which readers see. */
  cached: Uint8Array;
  /** The sectors written since the last sync. */
  readonly unsynced: Set<number>;
  /** The sectors that a failed sync marked clean. No later sync writes them. */
  readonly abandoned: Set<number>;
}

type Names = Map<string, File>;

export function simulatedDisk(
  choose: Choose,
  files: ReadonlyMap<string, Uint8Array> = new Map(),
): SimulatedDisk {
  let names: Names = new Map([...files].map(([name, content]) => [name, durableFile(content)]));
  let durableNames: Names = new Map(names);
  /** The changes of names since the last sync of the directory. */
  let unsyncedChanges: ((names: Names) => void)[] = [];
  let processes = { alive: true };
  let operations = 0;

  const disk: SimulatedDisk = {
    mount: () => mount(processes),
    fault: undefined,
    capacity: Number.POSITIVE_INFINITY,
    files: () => new Map([...names].map(([name, { cached }]) => [name, cached.length])),
    get used() {
      return [...new Set(names.values())].reduce((sum, { cached }) => sum + cached.length, 0);
    },
    get operations() {
      return operations;
    },
    powerCut() {
      disk.kill();
      const survives = survival(choose);
      for (const apply of unsyncedChanges.filter(survives)) apply(durableNames);
      unsyncedChanges = [];
      names = new Map(durableNames);
      for (const file of new Set(names.values())) losePower(file, choose);
    },
    kill() {
      processes.alive = false;
      processes = { alive: true };
    },
    flip(name, bit) {
      const file = named(name);
      for (const content of [file.durable, file.cached]) {
        if (bit >> 3 < content.length) content[bit >> 3]! ^= 1 << (bit & 7);
      }
    },
    copy: (chooseThere) =>
      simulatedDisk(chooseThere, new Map([...names].map(([name, { cached }]) => [name, cached]))),
  };
  return disk;

  function named(name: string): File {
    const file = names.get(name);
    if (file === undefined) throw failure("ENOENT", name);
    return file;
  }

  function change(apply: (names: Names) => void): void {
    apply(names);
    unsyncedChanges.push(apply);
  }

  function mount(process: { readonly alive: boolean }): Disk {
    /** Counts the call and applies its fault. Returns the maximum length of a write. */
    function enter(call: Operation["call"], name: string): number {
      if (!process.alive) throw new CrashError(`${call} ${name}: this process is dead.`);
      operations += 1;
      const fault = disk.fault?.({ number: operations, call, name });
      if (fault === undefined) return Number.POSITIVE_INFINITY;
      if (fault === "power cut") disk.powerCut();
      else if (fault === "kill") disk.kill();
      else if ("error" in fault) throw failure(fault.error, `${call} ${name}`);
      else return fault.take;
      throw new CrashError(`${fault} in operation ${operations}, ${call} ${name}.`);
    }

    function openFile(openedAs: string, file: File): OpenFile {
      const nameNow = () => [...names].find(([, each]) => each === file)?.[0] ?? openedAs;
      return {
        write(bytes, offset) {
          const name = nameNow();
          let maxBytes: number;
          try {
            maxBytes = enter("write", name);
          } catch (error) {
            // A failed write may have written a part.
            if (!(error instanceof CrashError)) {
              put(file, bytes.subarray(0, choose(bytes.length + 1)), offset, choose);
            }
            throw error;
          }
          const space = Math.max(0, file.cached.length - offset) + Math.max(0, disk.capacity - disk.used);
          const count = Math.min(bytes.length, maxBytes, space);
          if (count <= 0 && bytes.length > 0) throw failure("ENOSPC", `write ${name}`);
          put(file, bytes.subarray(0, count), offset, choose);
          return count;
        },
        sync() {
          try {
            enter("sync", nameNow());
          } catch (error) {
            if (!(error instanceof CrashError)) {
              for (const sector of file.unsynced) file.abandoned.add(sector);
              file.unsynced.clear();
            }
            throw error;
          }
          file.durable = resized(file.durable, file.cached.length);
          for (const sector of file.unsynced) copySector(file.cached, file.durable, sector);
          file.unsynced.clear();
        },
        close: () => void enter("close", nameNow()),
      };
    }

    return {
      list() {
        enter("list", "");
        return [...names.keys()].toSorted();
      },
      read(name) {
        enter("read", name);
        return named(name).cached.slice();
      },
      create(name) {
        enter("create", name);
        const old = names.get(name);
        if (old !== undefined) {
          for (let sector = 0; sector * SECTOR < old.cached.length; sector += 1) old.unsynced.add(sector);
          old.cached = new Uint8Array();
          return openFile(name, old);
        }
        const file = durableFile(new Uint8Array());
        change((all) => void all.set(name, file));
        return openFile(name, file);
      },
      open(name) {
        enter("open", name);
        return openFile(name, named(name));
      },
      rename(from, to) {
        enter("rename", to);
        const file = named(from);
        change((all) => {
          if (all.get(from) === file) all.delete(from);
          all.set(to, file);
        });
      },
      remove(name) {
        enter("remove", name);
        const file = names.get(name);
        if (file === undefined) return;
        change((all) => {
          if (all.get(name) === file) all.delete(name);
        });
      },
      syncDirectory() {
        enter("syncDirectory", "");
        durableNames = new Map(names);
        unsyncedChanges = [];
      },
    };
  }
}

function durableFile(content: Uint8Array): File {
  return { durable: content.slice(), cached: content.slice(), unsynced: new Set(), abandoned: new Set() };
}

/** Writes into the cache. Earlier unsynced content of a sector may reach the medium. */
function put(file: File, bytes: Uint8Array, offset: number, choose: Choose): void {
  if (bytes.length === 0) return;
  const end = offset + bytes.length;
  for (let sector = Math.floor(offset / SECTOR); sector * SECTOR < end; sector += 1) {
    const inside = (sector + 1) * SECTOR <= file.durable.length;
    if (file.unsynced.has(sector) && inside && choose(2) === 1) copySector(file.cached, file.durable, sector);
    file.unsynced.add(sector);
    file.abandoned.delete(sector);
  }
  if (end > file.cached.length) {
    for (let sector = Math.floor(file.cached.length / SECTOR); sector * SECTOR < offset; sector += 1) {
      file.unsynced.add(sector);
    }
    file.cached = resized(file.cached, end);
  }
  file.cached.set(bytes, offset);
}

function losePower(file: File, choose: Choose): void {
  const survives = survival(choose);
  const lengths = [file.cached.length, file.durable.length];
  const between = Math.min(...lengths) + choose(Math.abs(file.cached.length - file.durable.length) + 1);
  const content = resized(file.durable, [...lengths, between][choose(3)]!);
  for (const sector of [...file.unsynced, ...file.abandoned].filter(survives)) {
    copySector(file.cached, content, sector);
  }
  file.durable = content;
  file.cached = content.slice();
  file.unsynced.clear();
  file.abandoned.clear();
}

/** Decides what survives: everything or nothing in half of the cases, which independent choices would rarely produce. */
function survival(choose: Choose): () => boolean {
  const how = choose(4);
  return () => how === 0 || (how > 1 && choose(2) === 0);
}

function copySector(from: Uint8Array, to: Uint8Array, sector: number): void {
  const start = sector * SECTOR;
  to.fill(0, start, start + SECTOR);
  to.set(from.subarray(start, Math.min(start + SECTOR, to.length)), Math.min(start, to.length));
}

function resized(content: Uint8Array, length: number): Uint8Array {
  if (content.length === length) return content;
  const result = new Uint8Array(length);
  result.set(content.subarray(0, length));
  return result;
}

function failure(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
