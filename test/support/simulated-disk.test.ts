import { expect } from "chai";
import { CrashError, SECTOR, seeded, simulatedDisk, type SimulatedDisk } from "./simulated-disk.js";

const bytes = (length: number, value: number) => new Uint8Array(length).fill(value);

/** The contents of many disks with different choices, after the same calls and a power cut. */
function outcomes(calls: (disk: SimulatedDisk) => void): Set<string> {
  const seen = new Set<string>();
  for (let seed = 0; seed < 300; seed += 1) {
    const disk = simulatedDisk(seeded(seed));
    calls(disk);
    disk.powerCut();
    seen.add(contents(disk));
  }
  return seen;
}

/** The files, each with its length and the first byte of each of its sectors. */
function contents(disk: SimulatedDisk): string {
  const process = disk.mount();
  const files = process.list().map((name) => {
    const content = process.read(name);
    const sectors = Array.from({ length: Math.ceil(content.length / SECTOR) }, (_, n) => content[n * SECTOR]);
    return `${name}:${content.length}:${sectors.join("")}`;
  });
  return files.join(" ");
}

/** Creates a durable file of `sectors` sectors full of ones. */
function createFile(disk: SimulatedDisk, name: string, sectors: number): void {
  const process = disk.mount();
  const file = process.create(name);
  file.write(bytes(sectors * SECTOR, 1), 0);
  file.sync();
  process.syncDirectory();
}

describe("simulatedDisk", () => {
  it("keeps synced sectors", () => {
    expect([...outcomes((disk) => createFile(disk, "a", 2))]).to.deep.equal(["a:1024:11"]);
  });

  it("loses or keeps each unsynced sector independently", () => {
    const seen = outcomes((disk) => {
      createFile(disk, "a", 2);
      disk.mount().open("a").write(bytes(1024, 2), 0);
    });
    expect([...seen]).to.have.members(["a:1024:11", "a:1024:12", "a:1024:21", "a:1024:22"]);
  });

  it("may keep an earlier version of a sector that was written twice", () => {
    const seen = outcomes((disk) => {
      createFile(disk, "a", 1);
      const file = disk.mount().open("a");
      file.write(bytes(512, 2), 0);
      file.write(bytes(512, 3), 0);
    });
    expect([...seen]).to.have.members(["a:512:1", "a:512:2", "a:512:3"]);
  });

  it("may lose the growth of a file, a part of it, or only its content", () => {
    const seen = outcomes((disk) => {
      createFile(disk, "a", 1);
      disk.mount().open("a").write(bytes(512, 2), 512);
    });
    expect([...seen]).to.include.members(["a:512:1", "a:1024:10", "a:1024:12"]);
    expect([...seen].filter((each) => !/:(512|1024):/.test(each))).to.have.lengthOf.above(10);
  });

  it("may lose the truncation of a file", () => {
    const seen = outcomes((disk) => {
      createFile(disk, "a", 1);
      disk.mount().create("a");
    });
    expect([...seen]).to.include.members(["a:512:1", "a:0:"]);
  });

  it("loses or keeps each change of a name independently until the directory is synced", () => {
    const seen = outcomes((disk) => {
      createFile(disk, "old", 1);
      const process = disk.mount();
      process.create("new").sync();
      process.remove("old");
    });
    expect([...seen]).to.have.members(["old:512:1", "new:0: old:512:1", "", "new:0:"]);
  });

  it("loses or keeps a rename as a whole", () => {
    const seen = outcomes((disk) => {
      createFile(disk, "a", 1);
      createFile(disk, "b", 2);
      disk.mount().rename("a", "b");
    });
    expect([...seen]).to.have.members(["a:512:1 b:1024:11", "b:512:1"]);
  });

  it("keeps every change of a name once the directory is synced", () => {
    const seen = outcomes((disk) => {
      createFile(disk, "a", 1);
      createFile(disk, "b", 2);
      const process = disk.mount();
      process.rename("a", "c");
      process.remove("b");
      process.syncDirectory();
    });
    expect([...seen]).to.deep.equal(["c:512:1"]);
  });

  it("keeps the writes of a killed process until a power cut", () => {
    const seen = outcomes((disk) => {
      createFile(disk, "a", 1);
      disk.mount().open("a").write(bytes(512, 2), 0);
      disk.kill();
      expect(contents(disk)).to.equal("a:512:2");
    });
    expect([...seen]).to.have.members(["a:512:1", "a:512:2"]);
  });

  it("may lose the sectors of a failed sync, though reads show them and a second sync succeeds", () => {
    const seen = outcomes((disk) => {
      createFile(disk, "a", 1);
      const file = disk.mount().open("a");
      file.write(bytes(512, 2), 0);
      disk.fault = ({ call }) => (call === "sync" ? { error: "EIO" } : undefined);
      expect(() => file.sync())
        .to.throw()
        .with.property("code", "EIO");
      disk.fault = undefined;
      file.sync();
      expect(contents(disk)).to.equal("a:512:2");
    });
    expect([...seen]).to.have.members(["a:512:1", "a:512:2"]);
  });

  it("may apply a part of a failed write", () => {
    const written = new Set<number>();
    for (let seed = 0; seed < 100; seed += 1) {
      const disk = simulatedDisk(seeded(seed));
      createFile(disk, "a", 1);
      disk.fault = ({ call }) => (call === "write" ? { error: "EIO" } : undefined);
      expect(() => disk.mount().open("a").write(bytes(2, 2), 0))
        .to.throw()
        .with.property("code", "EIO");
      written.add(disk.mount().read("a").lastIndexOf(2) + 1);
    }
    expect([...written]).to.have.members([0, 1, 2]);
  });

  it("writes only the part that fits on a full disk, then fails with ENOSPC", () => {
    const disk = simulatedDisk(seeded(1));
    createFile(disk, "a", 1);
    const process = disk.mount();
    const file = process.create("b");
    disk.capacity = 700;
    expect(file.write(bytes(512, 2), 0)).to.equal(188);
    expect(() => file.write(bytes(1, 2), 188))
      .to.throw()
      .with.property("code", "ENOSPC");
    expect(file.write(bytes(188, 3), 0)).to.equal(188);
    process.remove("a");
    expect(file.write(bytes(512, 2), 188)).to.equal(512);
  });

  it("limits a write to the bytes of its fault", () => {
    const disk = simulatedDisk(seeded(1));
    createFile(disk, "a", 1);
    disk.fault = () => ({ take: 7 });
    expect(disk.mount().open("a").write(bytes(512, 2), 0)).to.equal(7);
  });

  it("counts operations, and fails the one that the fault selects", () => {
    const disk = simulatedDisk(seeded(1));
    createFile(disk, "a", 1);
    expect(disk.operations).to.equal(4);
    disk.fault = ({ number }) => (number === 6 ? { error: "EIO" } : undefined);
    const process = disk.mount();
    expect(process.list()).to.deep.equal(["a"]);
    expect(() => process.remove("a"))
      .to.throw()
      .with.property("code", "EIO");
    expect(process.list()).to.deep.equal(["a"]);
  });

  for (const fault of ["power cut", "kill"] as const) {
    it(`fails every call of a process after a ${fault}, and works for the next process`, () => {
      const disk = simulatedDisk(seeded(1));
      createFile(disk, "a", 1);
      const process = disk.mount();
      const file = process.open("a");
      disk.fault = () => fault;
      expect(() => process.list()).to.throw(CrashError);
      disk.fault = undefined;
      for (const call of [() => file.write(bytes(1, 2), 0), () => file.sync(), () => file.close()]) {
        expect(call).to.throw(CrashError);
      }
      for (const call of [() => process.list(), () => process.read("a"), () => process.open("a")]) {
        expect(call).to.throw(CrashError);
      }
      expect(contents(disk)).to.equal("a:512:1");
    });
  }

  it("flips one bit permanently", () => {
    const seen = outcomes((disk) => {
      createFile(disk, "a", 1);
      disk.flip("a", 1);
    });
    expect([...seen]).to.deep.equal(["a:512:3"]);
  });

  it("copies the current content to another disk", () => {
    const disk = simulatedDisk(seeded(1));
    createFile(disk, "a", 1);
    disk.mount().open("a").write(bytes(512, 2), 0);
    const copy = disk.copy(seeded(1));
    copy.powerCut();
    expect(contents(copy)).to.equal("a:512:2");
    copy.mount().remove("a");
    expect(copy.used).to.equal(0);
    expect(disk.used).to.equal(512);
  });

  it("fails to read, open or rename a missing file with ENOENT", () => {
    const process = simulatedDisk(seeded(1)).mount();
    for (const call of [() => process.read("a"), () => process.open("a"), () => process.rename("a", "b")]) {
      expect(call).to.throw().with.property("code", "ENOENT");
    }
  });
});
