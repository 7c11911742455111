// Writes docs/openapi.json: what a server of this build answers. `npm run docs` does that, and formats it.
import { writeFileSync } from "node:fs";
import { readConfig } from "../dist/src/main/config.js";
import { serve } from "../dist/src/main/server.js";

const config = readConfig({ DATABASE_URL: "memory:", PORT: "0", LOG_LEVEL: "silent" });
const server = await serve(config, (error) => {
  throw error;
});
const answer = await fetch(new URL("/openapi.json", server.url));
if (!answer.ok) throw new Error(`The document was answered with ${answer.status}: ${await answer.text()}`);
writeFileSync(new URL("../docs/openapi.json", import.meta.url), await answer.text());
await server.close();
