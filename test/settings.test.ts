import { readFileSync } from "node:fs";
import { expect } from "chai";
import { variables } from "../src/main/config.js";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const settings = Object.keys(variables);

describe("Every setting", () => {
  const container = { HOST: "0.0.0.0", PORT: '"12000"', DATA_DIR: "/app/resources" };
  const database =
    "postgres://palaver:${POSTGRES_PASSWORD:?Set it in the file .env to letters and digits.}@postgres/palaver";
  for (const [file, fixed] of [
    ["docker-compose.yml", container],
    [
      "docker-compose.postgres.yml",
      { ...container, DATABASE_URL: database, TRUST_PROXY: "${TRUST_PROXY:-on}" },
    ],
  ] as const) {
    it(`is passed through by ${file}, or has its value in the container`, () => {
      const [, environment = ""] = /^ {4}environment:\n((?: {6}.*\n)+)/m.exec(read(file))!;
      const passed = Array.from(environment.matchAll(/^ {6}([A-Z_]+): (.+)$/gm), ([, name, value]) => [
        name!,
        value!,
      ]);
      const expected = Object.fromEntries(settings.map((name) => [name, `\${${name}:-}`]));
      expect(Object.fromEntries(passed)).to.deep.equal({ ...expected, ...fixed });
    });
  }

  it("is described in docs/operating.md", () => {
    const described = Array.from(
      read("docs/operating.md").matchAll(/^\| `([A-Z_]+)` /gm),
      ([, name]) => name,
    );
    expect(described).to.have.members(settings);
  });
});

for (const [file, port] of [
  ["docker-compose.yml", 12_000],
  ["docker-compose.postgres.yml", 80],
] as const) {
  describe(file, () => {
    it("publishes one port, on this machine only, unless HOST is set", () => {
      const published = Array.from(
        read(file).matchAll(/^ {4}ports:\n((?: {6}.*\n)+)/gm),
        ([, lines]) => lines,
      );
      expect(published.join("").match(/^ {6}- .*$/gm)).to.deep.equal([
        `      - "\${HOST:-127.0.0.1}:\${PORT:-12000}:${port}"`,
      ]);
    });
  });
}
