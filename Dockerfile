# An image of muc-invite-relay that is configured by its environment alone (docs/install.md). For instance:
#
#     docker build -t muc-invite-relay .
#
# For another base image, use --build-arg BASE=…. It needs only glibc, of the build's version or later.

ARG BUILD_BASE=docker.io/library/rust:1-slim-bookworm
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BUILD_BASE} AS build
ARG PROFILE=release
WORKDIR /source
COPY . .
RUN cargo build --locked --profile "$PROFILE" --target-dir "target/$PROFILE" \
    && install -D "target/$PROFILE"/*/muc-invite-relay /built/muc-invite-relay \
    && mkdir /journal

FROM ${BASE}
COPY --from=build /built/muc-invite-relay /usr/bin/muc-invite-relay
# The volume gets its owner from this folder.
COPY --from=build --chown=10001:10001 /journal /var/lib/muc-invite-relay
USER 10001:10001
VOLUME /var/lib/muc-invite-relay
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["/usr/bin/muc-invite-relay", "healthy"]
ENTRYPOINT ["/usr/bin/muc-invite-relay"]
CMD ["run"]
