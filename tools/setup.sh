#!/bin/sh
# Everything that `make run` and `make test` need: system packages, a virtual environment, pinned requirements,
# compiled translations. Quick when nothing is missing. Usage: tools/setup.sh run|test
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-run}
venv=${VENV:-.venv}

packages="python3 python3-venv libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
[ "$purpose" = test ] && packages="$packages libzbar0 gcc libc6-dev"  # cc: tests let single writes fail

say() { printf '%s\n' "$*" >&2; }

# Debian 13 and Ubuntu 24.04 have some libraries under a name of their own, like libzbar0t64.
installed() { dpkg-query -W -f='${db:Status-Status}\n' "$1" "$1t64" 2>/dev/null | grep -qx installed; }

# Chromium of the system, or the one that Playwright has brought.
has_chromium() {
  command -v chromium >/dev/null 2>&1 || "$venv/bin/python" -c 'import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright: sys.exit(not os.path.exists(playwright.chromium.executable_path))'
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

if command -v apt-get >/dev/null 2>&1 && command -v dpkg-query >/dev/null 2>&1; then
  missing=""
  for package in $packages; do
    if [ "$package" = python3 ] || [ "$package" = python3-venv ]; then
      # A Python of one's own choice (pyenv, a container image) serves as well.
      python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && continue
    fi
    installed "$package" || missing="$missing $package"
  done
  if [ "$purpose" = test ] && ! command -v chromium >/dev/null 2>&1; then
    # Ubuntu's chromium is a snap and does not run in a container; there Playwright brings its own, further down.
    grep -q '^ID=ubuntu' /etc/os-release || missing="$missing chromium"
  fi
  if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null 2>&1; then
      say "System packages are missing and neither root nor sudo is at hand. As root, run:"
      say "  apt-get install$missing"
      exit 1
    fi
    say "Installing system packages:$missing"
    as_root apt-get update -qq
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
  fi
else
  say "There is no apt here. Needed from your system: Python 3.11 or newer with venv, Pango 1.50 or newer with its"
  say "FreeType part, the HarfBuzz subset library (Debian names: $packages)$([ "$purpose" = test ] && echo ', Chromium')."
  say "Going on with what is installed; what is really missing is named at start."
fi

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  say "Python 3.11 or newer is needed; python3 here is: $(python3 --version 2>&1 || echo none)"
  exit 1
fi

requirements=requirements.txt
[ "$purpose" = test ] && requirements=requirements-dev.txt
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
stamp="$venv/.$purpose-requirements"
if ! cmp -s "$requirements" "$stamp"; then
  if command -v uv >/dev/null 2>&1; then
    uv pip install --quiet --python "$venv/bin/python" --require-hashes -r "$requirements"
  else
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements"
  fi
  cp "$requirements" "$stamp"
fi

for po in translations/*/LC_MESSAGES/messages.po; do
  mo="${po%.po}.mo"
  [ -e "$po" ] || continue
  if [ ! -e "$mo" ] || [ "$po" -nt "$mo" ]; then "$venv/bin/pybabel" -q compile -i "$po" -o "$mo"; fi
done

if [ "$purpose" = test ] && ! has_chromium; then
  with_deps=""
  if command -v apt-get >/dev/null 2>&1; then with_deps=--with-deps; fi
  # shellcheck disable=SC2086
  "$venv/bin/python" -m playwright install $with_deps chromium >&2 ||
    say "Chromium is missing and could not be fetched: install it from your system. Going on; tests in a browser will fail."
fi
