// Puts Redoc, which makes the page at /docs, beside what serves it. Redoc would fetch its maker's logo from outside: here it does not.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";

const LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const from = new URL("../node_modules/redoc/bundles/", import.meta.url);
const to = new URL("../dist/src/adapters/http/", import.meta.url);

const redoc = readFileSync(new URL("redoc.standalone.js", from), "utf8");
if (!redoc.includes(LOGO)) throw new Error(`This Redoc does not fetch ${LOGO}. See what it fetches instead.`);
writeFileSync(new URL("redoc.js", to), redoc.replaceAll(LOGO, "data:,"));
copyFileSync(new URL("redoc.standalone.js.LICENSE.txt", from), new URL("redoc.js.LICENSE.txt", to));
