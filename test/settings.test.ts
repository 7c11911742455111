import { readFileSync } from "node:fs";
import { expect } from "chai";
import { variables } from "../src/main/config.js";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const settings = Object.keys(variables);

describe("Every setting", () => {
  it("is passed through by docker-compose.yml, or has its value in the container", () => {
    const [, environment = ""] = /^ {4}environment:\n((?: {6}.*\n)+)/m.exec(read("docker-compose.yml"))!;
    const passed = Array.from(environment.matchAll(/^ {6}([A-Z_]+): (.+)$/gm), ([, name, value]) => [
      name!,
      value!,
    ]);
    const fixed = { HOST: "0.0.0.0", PORT: '"12000"', DATA_DIR: "/app/resources" };
    const expected = Object.fromEntries(settings.map((name) => [name, `\${${name}:-}`]));
    expect(Object.fromEntries(passed)).to.deep.equal({ ...expected, ...fixed });
  });

  it("is described in docs/operating.md", () => {
    const described = Array.from(
      read("docs/operating.md").matchAll(/^\| `([A-Z_]+)` /gm),
      ([, name]) => name,
    );
    expect(described).to.have.members(settings);
  });
});

describe("docker-compose.yml", () => {
  it("publishes the port on this machine only, unless HOST is set", () => {
    const [, ports = ""] = /^ {4}ports:\n((?: {6}.*\n)+)/m.exec(read("docker-compose.yml"))!;
    expect(ports.match(/^ {6}- .*$/gm)).to.deep.equal([
      `      - "\${HOST:-127.0.0.1}:\${PORT:-12000}:12000"`,
    ]);
  });
});
