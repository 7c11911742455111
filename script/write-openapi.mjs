// Writes docs/openapi.json as served by this build. `npm run docs` runs this and formats the file.
import { writeFileSync } from "node:fs";
import { readConfig } from "../dist/src/main/config.js";
import { serve } from "../dist/src/main/server.js";

const config = readConfig({ DATABASE_URL: "memory:", PORT: "0", LOG_LEVEL: "silent" });
const server = await serve(config, (error) => {
  throw error;
});
const response = await fetch(new URL("/openapi.json", server.url));
if (!response.ok)
  throw new Error(`GET /openapi.json failed with ${response.status}: ${await response.text()}`);
writeFileSync(new URL("../docs/openapi.json", import.meta.url), await response.text());
await server.close();
