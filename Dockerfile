# The program alone on an empty image: a static binary, the certificates of the public CAs, and a user without rights. The time
# zones are in the binary (timetzdata, 0.4 MB), so that TZ works.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
COPY providers providers
COPY testdata/hook testdata/hook
RUN mkdir data
# TAGS=otel makes an image with traces.
ARG TARGETOS TARGETARCH VERSION TAGS
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -tags "timetzdata${TAGS:+,$TAGS}" -trimpath -ldflags "-s -w -X main.release=$VERSION" -o /smshook ./cmd/smshook

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /smshook /smshook
# A new named volume takes its owner from the folder in the image.
COPY --from=build --chown=65532:65532 /src/data /data
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s CMD ["/smshook", "healthcheck"]
ENTRYPOINT ["/smshook"]
