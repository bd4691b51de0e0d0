# syntax=docker/dockerfile:1
# Builds the hub and puts it, alone, on a small system. Built with: docker build -t aleatoria .

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
# Embedded into the binary.
COPY web web
# Kept between builds, so that a change of the source does not build the dependencies again.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin aleatoria \
    && strip -o /aleatoria target/release/aleatoria

FROM debian:bookworm-slim
# Certificates of authorities, for a Redis over TLS.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/aleatoria --create-home aleatoria
COPY --from=build /aleatoria /usr/local/bin/aleatoria
USER aleatoria
WORKDIR /var/lib/aleatoria
# In a container only what is published can be reached from outside.
ENV HOST=0.0.0.0 PORT=8085
EXPOSE 8085
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/$PORT && printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '\"ok\"' <&3"]
ENTRYPOINT ["aleatoria"]
