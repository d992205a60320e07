# syntax=docker/dockerfile:1
# Two images from one file: `service` answers HTTP and has no torch, `worker` trains and encodes.
#   docker build --target service -t labelaudit-service .
#   docker build --target worker -t labelaudit-worker .

FROM python:3.11-slim AS base
ENV PATH=/opt/labelaudit/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# ---- dependencies: rebuilt only when what is pinned changes ---------------------------------------
FROM base AS service-dependencies
WORKDIR /build
RUN python -m venv /opt/labelaudit
COPY requirements/service.txt .
RUN --mount=type=cache,target=/root/.cache/pip pip install --require-hashes --requirement service.txt

FROM service-dependencies AS worker-dependencies
# The pinned torch brings CUDA. For a smaller image without it, pass the index of CPU builds that
# PyTorch's install page names: --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL=""
COPY pyproject.toml requirements/constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["worker"], sep="\n")' > worker.txt \
    && pip install --constraint constraints.txt --requirement worker.txt

# ---- the package itself: one wheel, installed into both ------------------------------------------
FROM base AS package
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY labelaudit labelaudit
COPY service service
COPY worker worker
RUN --mount=type=cache,target=/root/.cache/pip pip wheel --no-deps --wheel-dir /wheels .

FROM service-dependencies AS service-installed
RUN --mount=type=bind,from=package,source=/wheels,target=/wheels \
    pip install --no-deps --no-cache-dir /wheels/*.whl

FROM worker-dependencies AS worker-installed
RUN --mount=type=bind,from=package,source=/wheels,target=/wheels \
    pip install --no-deps --no-cache-dir /wheels/*.whl

# ---- what runs -----------------------------------------------------------------------------------
FROM base AS runtime
# The folder's owner becomes the owner of a volume mounted there for the first time.
RUN groupadd --gid 10001 labelaudit \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin labelaudit \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/labelaudit
ENV HOME=/tmp \
    LABELAUDIT_DATA_DIR=/var/lib/labelaudit
WORKDIR /var/lib/labelaudit
VOLUME /var/lib/labelaudit
USER 10001:10001
ENTRYPOINT ["labelaudit"]

FROM runtime AS worker
COPY --from=worker-installed /opt/labelaudit /opt/labelaudit
# OMP_WAIT_POLICY: threads that wait must not burn the cores that other processes need.
# HF_HUB_OFFLINE: the packaged encoders are local files; set 0 to let others be downloaded.
ENV OMP_WAIT_POLICY=PASSIVE \
    HF_HUB_OFFLINE=1
# Healthy while it holds a connection to the broker (port 6379 is 18EB, 01 is "established").
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["grep", "--quiet", ":18EB 01 ", "/proc/net/tcp"]
CMD ["worker", "--queue", "cpu", "--queue", "gpu"]

FROM runtime AS service
COPY --from=service-installed /opt/labelaudit /opt/labelaudit
EXPOSE 8321
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8321/readyz', timeout=4)"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8321"]
