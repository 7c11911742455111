import type { Disk, OpenFile } from "../../src/adapters/sqlite/wal/disk.js";

/** Picks one of 0 … count − 1. All that is left to chance goes through it, so that the same choices give the same disk. */
export type Choose = (count: number) => number;

/** The process that made the call is dead: killed, or its machine without power. */
export class CrashError extends Error {
  override readonly name = "CrashError";
}

/** One call, before it happens. */
export interface Operation {
  /** 1, 2, 3, … over the life of the disk. */
  readonly number: number;
  readonly call: keyof Disk | keyof OpenFile;
  /** The file it is about; of a rename, the new name; empty where it is about the directory. */
  readonly name: string;
}

/** What is to go wrong in a call. A write that takes `take` bytes (at least one) is legal; any other call heeds no `take`. */
export type Fault = "power cut" | "kill" | { readonly error: string } | { readonly take: number };

/** The medium and the kernel's cache before it: what is left when the processes that used it are gone. */
export interface SimulatedDisk {
  /** The disk as one process sees it, until that process is dead. */
  mount(): Disk;
  /** What goes wrong from now on; nothing where it is undefined or answers undefined. */
  fault: ((operation: Operation) => Fault | undefined) | undefined;
  /** How many bytes all files may have together. */
  capacity: number;
  /** Every file with its length in bytes, by name. */
  files(): ReadonlyMap<string, number>;
  /** How many bytes all files have together. */
  readonly used: number;
  /** Operations so far. */
  readonly operations: number;
  /**
   * Kills every process, and loses of what is not durable whatever it may: each written sector, each growth of a file,
   * each change of a name, by itself.
   */
  powerCut(): void;
  /** Kills every process. What they have written is there still, as durable as it was. */
  kill(): void;
  /** Turns over one bit of a file, on the medium. */
  flip(name: string, bit: number): void;
  /** Another disk, with the files that this one shows, all durable. */
  copy(choose: Choose): SimulatedDisk;
}

/** What a write or a loss of power leaves whole, in bytes. */
export const SECTOR = 512;

/** Choices that look random and are the same for the same seed (a Weyl sequence, its bits mixed as in MurmurHash3). */
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
  /** What the medium holds. */
  durable: Uint8Array;
  /** What a reader is shown. */
  cached: Uint8Array;
  /** Sectors written since the last sync. */
  readonly unsynced: Set<number>;
  /** Sectors that a failed sync took for clean: no later sync writes them. */
  readonly forsaken: Set<number>;
}

type Names = Map<string, File>;

export function simulatedDisk(
  choose: Choose,
  files: ReadonlyMap<string, Uint8Array> = new Map(),
): SimulatedDisk {
  let names: Names = new Map([...files].map(([name, content]) => [name, durableFile(content)]));
  let durableNames: Names = new Map(names);
  /** What was done to the names since the last sync of the directory. */
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
    /** Counts the call and lets its fault happen, save a short write, whose length it gives. */
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

    function openFile(name: string, file: File): OpenFile {
      return {
        write(bytes, offset) {
          let longest: number;
          try {
            longest = enter("write", name);
          } catch (error) {
            // A write that fails may have done a part of its work.
            if (!(error instanceof CrashError)) {
              put(file, bytes.subarray(0, choose(bytes.length + 1)), offset, choose);
            }
            throw error;
          }
          const room = Math.max(0, file.cached.length - offset) + Math.max(0, disk.capacity - disk.used);
          const taken = Math.min(bytes.length, longest, room);
          if (taken <= 0 && bytes.length > 0) throw failure("ENOSPC", `write ${name}`);
          put(file, bytes.subarray(0, taken), offset, choose);
          return taken;
        },
        sync() {
          try {
            enter("sync", name);
          } catch (error) {
            if (!(error instanceof CrashError)) {
              for (const sector of file.unsynced) file.forsaken.add(sector);
              file.unsynced.clear();
            }
            throw error;
          }
          file.durable = resized(file.durable, file.cached.length);
          for (const sector of file.unsynced) copySector(file.cached, file.durable, sector);
          file.unsynced.clear();
        },
        close: () => void enter("close", name),
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
  return { durable: content.slice(), cached: content.slice(), unsynced: new Set(), forsaken: new Set() };
}

/** Writes into the cache. A sector that waited to be written already may have reached the medium as it was until now. */
function put(file: File, bytes: Uint8Array, offset: number, choose: Choose): void {
  if (bytes.length === 0) return;
  const end = offset + bytes.length;
  for (let sector = Math.floor(offset / SECTOR); sector * SECTOR < end; sector += 1) {
    const inside = (sector + 1) * SECTOR <= file.durable.length;
    if (file.unsynced.has(sector) && inside && choose(2) === 1) copySector(file.cached, file.durable, sector);
    file.unsynced.add(sector);
    file.forsaken.delete(sector);
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
  for (const sector of [...file.unsynced, ...file.forsaken].filter(survives)) {
    copySector(file.cached, content, sector);
  }
  file.durable = content;
  file.cached = content.slice();
  file.unsynced.clear();
  file.forsaken.clear();
}

/** Mixed losses alone would hardly ever show the two that matter most: everything is lost, and nothing is. */
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
