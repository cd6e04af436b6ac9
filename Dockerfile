# One image for all hosts: `serve` answers pages and scans, `worker` does background jobs.
# Packages are those that tools/setup.sh installs; requirements.txt has exact versions and hashes.
FROM python:3.11-slim-bookworm AS packages

# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 postgresql-client \
 && rm -rf /var/lib/apt/lists/*

COPY requirements.txt /srv/roundtrip/
RUN python -m venv /srv/venv \
 && /srv/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
      -r /srv/roundtrip/requirements.txt

FROM packages
RUN groupadd --system --gid 10001 roundtrip \
 && useradd --system --uid 10001 --gid 10001 --home-dir /srv/data --shell /usr/sbin/nologin roundtrip \
 && install -d -o roundtrip -g roundtrip -m 0700 /srv/data
WORKDIR /srv/roundtrip
COPY . .
RUN for po in translations/*/LC_MESSAGES/messages.po; do \
      /srv/venv/bin/pybabel -q compile -i "$po" -o "${po%.po}.mo"; \
    done \
 && /srv/venv/bin/python -m compileall -q .

ENV PATH=/srv/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ROUNDTRIP_DATA_DIR=/srv/data \
    ROUNDTRIP_HOST=0.0.0.0 \
    ROUNDTRIP_LOG=json \
    ROUNDTRIP_DEMO=0
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["python", "-m", "flask", "--app", "app"]
CMD ["serve"]
