# syntax=docker/dockerfile:1

# Two images come from this file:
#   docker build --target production -t ias .       what serves real people: no simulator, no demo, no embedded database
#   docker build --target demo -t ias-demo .        everything, to look at

FROM rust:1.95-bookworm AS sources
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY config config
COPY migrations migrations
COPY static static
COPY templates templates
COPY src src

FROM sources AS build-production
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,id=production \
    cargo build --release --locked --no-default-features \
    && install target/release/ias /usr/local/bin/ias

FROM sources AS build-demo
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,id=demo \
    cargo build --release --locked \
    && install target/release/ias /usr/local/bin/ias

# What both need to run: the authorities that outbound TLS trusts, and an account that owns nothing.
FROM debian:bookworm-slim AS runtime
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin ias

FROM runtime AS demo
# The demo starts a Postgres of its own, from these binaries, and keeps everything in one directory.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner=ias --group=ias --mode=0700 /var/lib/ias
COPY --from=build-demo /usr/local/bin/ias /usr/local/bin/ias
USER 10001:10001
VOLUME /var/lib/ias
# issuer, simulator and example application
EXPOSE 8080 8090 8070
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/ias"]
CMD ["demo", "--data-dir", "/var/lib/ias"]

# The last target is the one that a plain `docker build .` makes.
FROM runtime AS production
COPY --from=build-production /usr/local/bin/ias /usr/local/bin/ias
# The container's network is its own, so listening on all its addresses is what a published port needs. The operations
# listener stays on the inside: publish 9090 to the monitoring alone (OPS-03).
ENV IAS__ENVIRONMENT=production \
    IAS__SERVER__LISTEN=0.0.0.0:8080 \
    IAS__SERVER__OPERATIONS_LISTEN=0.0.0.0:9090
USER 10001:10001
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
# Ready means: database reached, schema known, configuration confirmed, keys loaded. bash speaks HTTP here, so that the image
# needs no other program.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9090 && printf 'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["/usr/local/bin/ias"]
CMD ["serve"]
