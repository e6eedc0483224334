# Both images from one file:
#   docker build --target job -t rapidrmf-job:0.1.0 .
#   docker build --target operator -t rapidrmf-operator:0.1.0 .
# The runtime image needs Node 24 and nothing else: no shell, no npm.
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY .npmrc package.json package-lock.json ./
# Both secrets are optional: settings and authorities of a network that has its own package registry.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.npm \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# Where the runtime image has its Node.
ARG NODE=/nodejs/bin/node
ARG SOURCE_DATE_EPOCH=0
RUN node scripts/build-images.ts --node "${NODE}" --outdir /out

# The compile cache can only be made by the Node that will read it.
FROM ${RUNTIME_IMAGE} AS warm-job
COPY --from=build /out/job /
COPY --from=build /out/warm /
USER 0
RUN ["/warm", "/app/rapidrmf.cjs"]

FROM ${RUNTIME_IMAGE} AS warm-operator
COPY --from=build /out/operator /
COPY --from=build /out/warm /
USER 0
RUN ["/warm", "/app/operator.cjs"]

FROM ${RUNTIME_IMAGE} AS job
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="rapidrmf-job" \
      org.opencontainers.image.description="One scheduled validation of NIST SP 800-53 controls, and the command line" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /out/job /
COPY --from=warm-job /layer /
# Node 24 counts the container's memory limit as available memory; the operator's jobs get a heap of the same share.
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/app/cache \
    NODE_OPTIONS=--max-old-space-size-percentage=60
# The command line looks for config.yaml where it is: /etc/rapidrmf/config.yaml.
WORKDIR /etc/rapidrmf
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/rapidrmf"]

FROM ${RUNTIME_IMAGE} AS operator
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="rapidrmf-operator" \
      org.opencontainers.image.description="Reconciles ValidationSchedules into CronJobs of the job image" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /out/operator /
COPY --from=warm-operator /layer /
# What a watch or a scrape leaves behind outside the heap goes back to the system; glibc would keep up to 40 MB of it.
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/app/cache \
    NODE_OPTIONS=--max-old-space-size-percentage=60 \
    MALLOC_ARENA_MAX=2 \
    MALLOC_TRIM_THRESHOLD_=131072 \
    MALLOC_MMAP_THRESHOLD_=131072
WORKDIR /app
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/rapidrmf-operator"]
