# Any image with a supported Node, npm and glibc works: --build-arg BASE=…
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Native packages contain prebuilt binaries, so no install script runs and no compiler is needed.
RUN npm ci --omit=dev --ignore-scripts
# Files for compilers, readers and other platforms are two thirds of the size.
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
# Only the part of `npm run build` that the image needs: no tests and no benchmarks.
RUN npm run build:server
RUN find dist/src -type f \( -name '*.d.ts' -o -name '*.map' -o -name '*.tsbuildinfo' \) -delete

FROM ${BASE}
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/app/resources
RUN install -d -o 1000 -g 1000 -m 0700 resources backups
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/package.json ./
COPY --from=build /app/dist/src dist/src
COPY --from=build /app/dist/web dist/web
# A number lets an orchestrator verify that the user is not root. Root owns the code, so the service cannot change it.
USER 1000:1000
VOLUME /app/resources
EXPOSE 12000
# Liveness, not readiness: on a full disk the service still serves reads and recovers, so it must not be replaced.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 12000) + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/src/main/cli.js", "serve"]
