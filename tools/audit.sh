#!/bin/sh
# The locked packages of requirements.txt beside the list of known vulnerabilities that PyPI keeps (pip-audit).
# Exits with 1 when one is vulnerable, or when PyPI knows only some of them. Without a way to that list it says so and
# exits with 0: CI may have no network, or a mirror that keeps no such list.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
probe='import re, sys, urllib.request
version = re.search(r"^weasyprint==(\S+)", open("requirements.txt").read(), re.M)[1]
try: urllib.request.urlopen(f"https://pypi.org/pypi/weasyprint/{version}/json", timeout=5)
except OSError as error: sys.exit(str(error))'
if ! reason=$("$python" -c "$probe" 2>&1); then
  echo "SKIPPED: the list of known vulnerabilities at pypi.org cannot be reached ($reason). Nothing was checked." >&2
  exit 0
fi
exec "$python" -m pip_audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements.txt
