#!/bin/sh
# What `make page` looks at the page with: Debian's chromium (300 MB; by apt, as root), and axe-core, which finds what keeps
# people out, from npm into .venv/page. Nothing of it is committed or packaged.
set -eu

cd "$(dirname "$0")/../.."
axe=axe-core@4.14.1

if ! command -v chromium >/dev/null; then
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] ||
    { echo "chromium is needed, and only root on Debian can install it here: apt-get install chromium" >&2; exit 75; }
  echo "Installing chromium, once."
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core; } \
    >/dev/null || { echo "chromium cannot be installed" >&2; exit 75; }
fi

if [ "$(cat .venv/page/installed 2>/dev/null)" != "$axe" ]; then
  command -v npm >/dev/null || { echo "npm is needed: apt-get install npm" >&2; exit 75; }
  echo "Setting up .venv/page, once: $axe."
  mkdir -p .venv/page
  npm install --prefix .venv/page --ignore-scripts --no-audit --no-fund --loglevel=error "$axe" >/dev/null ||
    { echo "$axe cannot be installed" >&2; exit 75; }
  echo "$axe" >.venv/page/installed
fi
