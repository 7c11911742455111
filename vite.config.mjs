// Bundles the web client into dist/web, with a compressed copy beside each file that gets smaller by it.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig } from "vite";

const compress = {
  name: "compress",
  apply: "build",
  writeBundle({ dir }) {
    for (const { name, parentPath } of readdirSync(dir, { recursive: true, withFileTypes: true })) {
      if (!/\.(?:html|js|css|svg)$/.test(name)) continue;
      const path = join(parentPath, name);
      const content = readFileSync(path);
      const copies = { br: brotliCompressSync(content), gz: gzipSync(content, { level: 9 }) };
      for (const [extension, copy] of Object.entries(copies)) {
        if (copy.length < content.length) writeFileSync(`${path}.${extension}`, copy);
      }
    }
  },
};

export default defineConfig({
  root: "src/web",
  // Relative, since the server can be mounted under a path.
  base: "./",
  // Nothing else would be served.
  publicDir: false,
  build: {
    outDir: "../../dist/web",
    emptyOutDir: true,
    // The page allows no `data:` URLs but of images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The licences of the bundled packages require it.
    license: { fileName: "licenses.md" },
  },
  plugins: [compress],
});
