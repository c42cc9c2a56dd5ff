# Two stages: the first builds the environment, the second takes it over. BASE is any Debian with Python 3.11 or newer.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /build
RUN python3 -m venv /opt/runbell
ENV PATH=/opt/runbell/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock ./
RUN pip install --quiet --require-hashes --only-binary=:all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY service service
COPY migrations migrations
COPY sensors sensors
# The examples stay inside the package, for `runbell dev`; what is deployed comes from /app/sensors alone.
RUN pip wheel --quiet --no-deps --wheel-dir wheels . && pip install --quiet --no-deps wheels/*.whl
# What an image built on this one installs must leave these versions alone, or fail where it is built.
RUN pip freeze --exclude runbell > /opt/runbell/constraints.txt

FROM ${BASE}
LABEL org.opencontainers.image.title="Runbell" \
    org.opencontainers.image.description="Answers run status changes" \
    org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /app --shell /usr/sbin/nologin runbell \
    && mkdir -p /app/sensors
# It belongs to the user that runs it, so that an image built on this one can `pip install` without changing users.
COPY --from=build --chown=runbell:runbell /opt/runbell /opt/runbell
ENV PATH=/opt/runbell/bin:$PATH \
    PIP_CONSTRAINT=/opt/runbell/constraints.txt PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    RUNBELL_HTTP_HOST=0.0.0.0 RUNBELL_HTTP_PORT=8080
WORKDIR /app
USER runbell
EXPOSE 8080
# Whether the process lives, not whether it is ready: restarting it does not bring a database back.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python3", "-IS", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['RUNBELL_HTTP_PORT']), timeout=3); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["runbell"]
CMD ["serve"]
