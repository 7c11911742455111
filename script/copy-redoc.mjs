// Copies Redoc, which renders the page at /docs, into the build. Removes the logo that it would load from another site, and the
// reference to a source map that is not copied.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";

const LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const from = new URL("../node_modules/redoc/bundles/", import.meta.url);
const to = new URL("../dist/src/adapters/http/", import.meta.url);

const redoc = readFileSync(new URL("redoc.standalone.js", from), "utf8");
if (!redoc.includes(LOGO))
  throw new Error(`Redoc no longer loads ${LOGO}. Remove the URL that it loads instead.`);
const withoutMap = redoc.replace(/^\/\/# sourceMappingURL=.*$/m, "");
writeFileSync(new URL("redoc.js", to), withoutMap.replaceAll(LOGO, "data:,"));
copyFileSync(new URL("redoc.standalone.js.LICENSE.txt", from), new URL("redoc.js.LICENSE.txt", to));
