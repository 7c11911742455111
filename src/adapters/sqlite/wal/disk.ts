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
 * The operations of the store on its directory. Tests substitute a disk that fails, corrupts data and loses power. Names are
 * of files in the directory. Every call blocks its thread. Errors are those of Node, with their `code` (ENOSPC, EIO, …).
 */
export interface Disk {
  list(): readonly string[];
  read(name: string): Uint8Array;
  /** Creates an empty file, or truncates an existing one, and opens it for writing. */
  create(name: string): OpenFile;
  /** Opens an existing file for writing. */
  open(name: string): OpenFile;
  /** Renames a file atomically, replacing one of the new name. Durable after `syncDirectory`. */
  rename(from: string, to: string): void;
  /** Removes a file if it exists. Durable after `syncDirectory`. */
  remove(name: string): void;
  /** Makes created, renamed and removed names durable. */
  syncDirectory(): void;
}

export interface OpenFile {
  /** @returns how many of the bytes were written: on a full disk, fewer than given. */
  write(bytes: Uint8Array, offset: number): number;
  /** Makes the written bytes durable. After a failure, the content of the file is unknown, even after a later success. */
  sync(): void;
  close(): void;
}

/**
 * The disk over a directory, which must exist.
 *
 * @param openDirectory a descriptor of the directory. With it, `syncDirectory` opens nothing.
 */
export function nodeDisk(directory: string, openDirectory?: number): Disk {
  const at = (name: string) => join(directory, name);
  return {
    list: () => readdirSync(directory),
    read: (name) => readWhole(at(name)),
    create: (name) => openFile(at(name), constants.O_CREAT | constants.O_TRUNC),
    open: (name) => openFile(at(name), 0),
    rename: (from, to) => renameSync(at(from), at(to)),
    remove: (name) => rmSync(at(name), { force: true }),
    syncDirectory() {
      if (openDirectory !== undefined) {
        fsyncSync(openDirectory);
        return;
      }
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

/** Node reads and writes less than 2 GiB in one call. */
const MAX_IO_BYTES = 2 ** 30;

function readWhole(path: string): Uint8Array {
  const descriptor = openSync(path, "r");
  try {
    const bytes = new Uint8Array(fstatSync(descriptor).size);
    for (let done = 0; done < bytes.length;) {
      const count = readSync(descriptor, bytes, done, Math.min(bytes.length - done, MAX_IO_BYTES), done);
      if (count === 0)
        throw new Error(`${path} became shorter while it was read. Stop other processes that write to it.`);
      done += count;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Writes all of the bytes, in several calls where necessary.
 *
 * @throws the error of the disk; a part may be written.
 */
export function writeAll(file: OpenFile, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;) {
    const count = file.write(bytes.subarray(done, done + MAX_IO_BYTES), offset + done);
    if (count === 0) throw Object.assign(new Error("The disk accepted no byte of a write."), { code: "EIO" });
    done += count;
  }
}
