#!/bin/sh
# The locked packages of requirements.txt beside the list of known vulnerabilities that PyPI keeps (pip-audit).
# Exits with 1 when one is vulnerable. Without a way to that list it says so and exits with 0: CI may have no network.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
probe='import sys, urllib.request
try: urllib.request.urlopen("https://pypi.org/pypi/pip/json", timeout=5)
except OSError as error: sys.exit(str(error))'
if ! reason=$("$python" -c "$probe" 2>&1); then
  echo "SKIPPED: the list of known vulnerabilities at pypi.org cannot be reached ($reason). Nothing was checked." >&2
  exit 0
fi
exec "$python" -m pip_audit --disable-pip --require-hashes --progress-spinner off -r requirements.txt
