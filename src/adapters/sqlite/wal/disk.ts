import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

/**
 * One directory, and all that the store asks of it: the seam at which tests put a disk that fails, lies and loses power.
 * Names are of files in that directory. Every call blocks, so whoever must not be held up calls from a thread of its own.
 * Errors are Node's, with their `code` (ENOSPC, EIO, ENOENT, …).
 */
export interface Disk {
  list(): readonly string[];
  read(name: string): Uint8Array;
  /** A new, empty file, open for writing; one of that name that was there is emptied. */
  create(name: string): OpenFile;
  /** An existing file, open for writing. */
  open(name: string): OpenFile;
  /** Puts one file in the place of another, or where there was none, in one step. Durable after `syncDirectory`. */
  rename(from: string, to: string): void;
  /** Durable after `syncDirectory`. Nothing happens where there is no such file. */
  remove(name: string): void;
  /** Makes durable which names there are and which files they mean. */
  syncDirectory(): void;
}

export interface OpenFile {
  /** Writes at that offset and tells how many of the bytes were taken: on a full disk, fewer than were given. */
  write(bytes: Uint8Array, offset: number): number;
  /** Makes durable what was written. After it has failed once, nothing may be believed of this file. */
  sync(): void;
  close(): void;
}

/** @param directory must exist. */
export function nodeDisk(directory: string): Disk {
  const at = (name: string) => join(directory, name);
  return {
    list: () => readdirSync(directory),
    read: (name) => readWhole(at(name)),
    create: (name) => openFile(at(name), constants.O_CREAT | constants.O_TRUNC),
    open: (name) => openFile(at(name), 0),
    rename: (from, to) => renameSync(at(from), at(to)),
    remove: (name) => rmSync(at(name), { force: true }),
    syncDirectory() {
      const descriptor = openSync(directory, "r");
      try {
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    },
  };
}

function openFile(path: string, flags: number): OpenFile {
  const descriptor = openSync(path, constants.O_RDWR | flags, 0o600);
  return {
    write: (bytes, offset) => writeSync(descriptor, bytes, 0, bytes.length, offset),
    sync: () => fdatasyncSync(descriptor),
    close: () => closeSync(descriptor),
  };
}

/** Node reads and writes no more than 2 GiB at a time. */
const LARGEST_PIECE = 2 ** 30;

function readWhole(path: string): Uint8Array {
  const descriptor = openSync(path, "r");
  try {
    const bytes = new Uint8Array(fstatSync(descriptor).size);
    for (let done = 0; done < bytes.length;) {
      const taken = readSync(descriptor, bytes, done, Math.min(bytes.length - done, LARGEST_PIECE), done);
      if (taken === 0) throw new Error(`${path} became shorter while it was read.`);
      done += taken;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/** Writes all of it, or throws what stood in the way. */
export function writeAll(file: OpenFile, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;) {
    const taken = file.write(bytes.subarray(done, done + LARGEST_PIECE), offset + done);
    if (taken === 0) throw Object.assign(new Error("The disk took no byte of a write."), { code: "EIO" });
    done += taken;
  }
}
