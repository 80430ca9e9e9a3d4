# The platform as an image: one for every shape.
#
#   docker build --tag nexus:0.1.0 .
#   docker run --rm nexus:0.1.0 --help                  all services in one process, or --target=gateway, --target=auth,user, …
#
# It runs as user 10001 with a read-only root; it writes to NEXUS_DATA_DIR and to /tmp alone. Settings are environment
# variables, secrets files (<NAME>_FILE): docs/config.md.
#
# The base is pinned by its exact version. To pin it by content as well, pass the digest that your registry shows
# (`docker buildx imagetools inspect node:24.21.0-bookworm-slim`):
#   docker build --build-arg NODE_IMAGE=node:24.21.0-bookworm-slim@sha256:<digest> .
ARG NODE_IMAGE=node:24.21.0-bookworm-slim


# Installs and builds as a checkout does, and lays out what the images hold (tools/image).
FROM ${NODE_IMAGE} AS build
WORKDIR /src
# The packages first: they are installed anew only when one of these files changes.
COPY package.json package-lock.json .npmrc ./
COPY tools/bootstrap.mjs tools/bootstrap.mjs
COPY tools/launcher/*.mjs tools/launcher/
RUN ["node", "tools/bootstrap.mjs", "exec", "--no-build", "--", "node", "--version"]
COPY . .
RUN ["node", "tools/bootstrap.mjs", "exec", "--", "node", "tools/image/build.ts", "/image/nexus"]
RUN ["node", "tools/image/build.ts", "/image/certificates", "--certificates"]


# Node and nothing else that installs or fetches: no npm, no yarn.
FROM ${NODE_IMAGE} AS node
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
      /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn* \
 && groupadd --gid 10001 nexus \
 && useradd --uid 10001 --gid nexus --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin nexus \
 && install --directory --owner=nexus --group=nexus --mode=0700 /var/lib/nexus
ENV NODE_ENV=production
WORKDIR /app


# Makes the certificates of a platform that runs on one machine (docker-compose.yml); no part of the product.
#   docker build --target certificates --tag nexus-certificates:0.1.0 .
FROM node AS certificates
# Each service sees the folder of its own certificate alone, so each is a place to mount a volume of its own.
RUN install --directory --owner=nexus --group=nexus --mode=0700 /certificates /certificates/authority \
      /certificates/gateway /certificates/auth /certificates/user /certificates/project /certificates/file \
      /certificates/notification
COPY --from=build /image/certificates /app
USER 10001:10001
ENTRYPOINT ["node", "tools/local-ca/main.ts"]
CMD ["/certificates"]


FROM node AS nexus
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1980-01-01T00:00:00Z
ARG NODE_IMAGE
LABEL org.opencontainers.image.title="Nexus" \
      org.opencontainers.image.description="An open application platform: API gateway, authentication, users, projects, files and notifications, as one process or six services." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${NODE_IMAGE}"
COPY --from=build /image/nexus /app
# A container is reached from outside of it; who may reach it is decided there.
ENV HOST=0.0.0.0 MANAGEMENT_HOST=0.0.0.0 NEXUS_DATA_DIR=/var/lib/nexus
USER 10001:10001
# The API; the services when they run alone; health and metrics.
EXPOSE 8080 8081 8082 8083 8084 8085 9180
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --start-interval=1s --retries=3 CMD ["node", "health.mjs"]
# Three quarters of the 512 MiB that a container of a service is given. Node is process 1 and gets the signals itself.
ENTRYPOINT ["node", "--max-old-space-size=384", "dist/apps/main.js"]
CMD ["--target=all"]
