# SPDX-License-Identifier: Apache-2.0
# Postfach in a container: one static binary, nobody's account, no shell.
# The build steps are the Makefile's own targets.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t postfach .
#   docker run -v /etc/postfach:/etc/postfach:ro -v postfach:/var/lib/postfach \
#     -v /run/clamav:/run/clamav -p 8080:8080 postfach
#
# clamd runs beside it, in a container or on the host (deploy/clamd.conf).

FROM golang:1.26-bookworm AS build
ARG VERSION=unknown
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN make build VERSION=${VERSION} \
 && install -d -m 0700 /empty/var/lib/postfach \
 && install -d -m 1777 /empty/tmp

FROM scratch
ARG VERSION=unknown
LABEL org.opencontainers.image.title="Postfach" \
      org.opencontainers.image.description="File exchange with mailbox semantics: WebDAV, every upload scanned" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /empty/ /
COPY --from=build /src/bin/postfach /usr/local/bin/postfach
USER 65532:65532
WORKDIR /var/lib/postfach
VOLUME ["/var/lib/postfach"]
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --retries=3 \
  CMD ["/usr/local/bin/postfach", "check", "--brief", "--config", "/etc/postfach/postfach.yaml"]
ENTRYPOINT ["/usr/local/bin/postfach"]
CMD ["serve", "--config", "/etc/postfach/postfach.yaml"]
