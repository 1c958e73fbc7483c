#!/bin/sh
# The intermediaries of `make road`, on Debian bookworm, by root: servers from Debian, two proxies from Python packages;
# and what tests.road.namespaces lays its roads with.
# No service is started: the suite runs each program itself, in the foreground, on free ports of the loopback.
set -eu

cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-python3}

# Debian starts a server when it installs it, unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
  nginx-light haproxy apache2 squid tinyproxy varnish openssl iproute2 iptables

# In environments of their own: they ask for other releases of our dependencies.
for package in mitmproxy==11.0.2 proxy.py==2.4.10; do
  folder=.venv/road/${package%%==*}
  "$PYTHON" -m venv --clear "$folder"
  "$folder/bin/python" -m pip install -qq --disable-pip-version-check "$package"
done
