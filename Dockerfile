# The bot as a container image. `docs/operating.md`, "In a container", says how to run it.
#
#   docker build --tag teamsbot .
#
# Both stages start from one base, pinned by its digest: python:3.12-slim, an index for amd64 and arm64. Another base needs
# Python 3.11 or newer with venv, and the certificates of public authorities.
ARG BASE=docker.io/library/python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea

FROM ${BASE} AS build
WORKDIR /opt/teamsbot
# A company's package index and its certificate, if any, come as secrets, which no layer keeps:
#   docker build --secret id=pip.conf,src=$HOME/.config/pip/pip.conf ...
# The locks come first: the layer of packages is made anew only when they change.
COPY scripts scripts
COPY pyproject.toml README.md LICENSE requirements.lock sandbox.lock ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m scripts.environments packages
COPY . .
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m scripts.environments image

FROM ${BASE}
LABEL org.opencontainers.image.title="Teams Assistants Bot" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/teamsbot/.venv /opt/teamsbot/.venv
COPY --from=build /opt/teamsbot/.sandbox /opt/teamsbot/.sandbox
# /mnt/data is each sandbox session's own folder, which the Landlock isolation needs. The user owns /data alone.
RUN mkdir -p /mnt /data \
 && ln -s /proc/self/cwd /mnt/data \
 && chown 10001:10001 /data
USER 10001:10001
WORKDIR /data
# The folder below the volume is the bot's own, also where the volume itself belongs to root and a group, as in Kubernetes.
ENV PATH=/opt/teamsbot/.venv/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data/teamsbot \
    HOST=0.0.0.0 \
    PORT=3978 \
    LOG_FORMAT=json
VOLUME /data
EXPOSE 3978
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/healthz\", timeout=4)"]
ENTRYPOINT ["teamsbot"]
CMD ["serve"]
