# Any image with Node 20.19 or later, npm and glibc will do: --build-arg BASE=…
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Native packages bring their binaries along, so no install script has to run and no compiler is needed.
RUN npm ci --omit=dev --ignore-scripts
# What only a compiler, a reader or another platform has use for is two thirds of the bytes.
RUN cd node_modules \
 && find sql.js/dist -type f ! -name sql-wasm.js ! -name sql-wasm.wasm -delete \
 && find */prebuilds -mindepth 1 -maxdepth 1 ! -name "linux-$(node -p process.arch)" -exec rm -r {} + \
 && find . -type f \( -name '*.ts' -o -name '*.[cm]ts' -o -name '*.map' -o -name '*.md' -o -name '*.[ch]' \) -delete \
 && rm -rf bintrees/test \
 && find . -type d -empty -delete

FROM ${BASE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
# Of what `npm run build` builds, what is served: without tests and benchmarks, which would be thrown away.
RUN npx tsc -b src/main && node script/copy-redoc.mjs
RUN find dist/src -type f \( -name '*.d.ts' -o -name '*.map' -o -name '*.tsbuildinfo' \) -delete

FROM ${BASE}
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/app/resources
RUN install -d -o 1000 -g 1000 -m 0700 resources
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/package.json ./
COPY --from=build /app/dist/src dist/src
# By number, so that an orchestrator can see that it is not root. The code stays root's: the service can't change it.
USER 1000:1000
VOLUME /app/resources
EXPOSE 12000
# Alive, not ready: while its disk is full the service still answers reads and comes back by itself, so nobody should replace it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 12000) + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/src/main/cli.js", "serve"]
