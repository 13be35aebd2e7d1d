# The image of master and agent: docker build -t bayplan .
# Both bases are Debian 12, so that the binary finds the glibc and libstdc++ that it was linked with.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
ENV BAYPLAN_CACHE=/cache
# `dev` compiles in half the time, for trying out a change.
ARG PROFILE=release
# One step: env.sh installs libclang, builds RocksDB and tells cargo where it is.
RUN settings=$(scripts/env.sh) && eval "$settings" \
    && cargo build --locked --package bayplan --profile "$PROFILE" \
    && cp "$CARGO_TARGET_DIR/$(test "$PROFILE" = dev && echo debug || echo "$PROFILE")/bayplan" /bayplan

FROM debian:bookworm-slim
# The slim image has libstdc++ because apt needs it; ca-certificates are for artifacts that tasks fetch over HTTPS, busybox
# for checks of health and for tasks that want a small web server.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends busybox ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /bayplan /usr/local/bin/bayplan
STOPSIGNAL SIGTERM
ENTRYPOINT ["bayplan"]
CMD ["--help"]
