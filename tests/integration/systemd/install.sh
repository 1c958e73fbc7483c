#!/bin/sh
# The system that `make units` boots, in .venv/units: Debian bookworm, which has systemd 252, with Node for an agent that
# compiles while it runs (400 MB, from Debian's archive), and the packages that the runtime needs, from PyPI: installed
# in /opt/mycel-runtime, and as pip needs them to install it once more, in /opt/packages.
#
# As root; needs the packages debootstrap and systemd-container. Nothing is started, and nothing outside .venv is changed.
set -eu

cd "$(dirname "$0")/../../.."
units=$PWD/.venv/units
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

stamp=$(cat constraints.txt tests/integration/systemd/install.sh | sha256sum)
if [ -e "$units/installed" ] && [ "$(cat "$units/installed")" = "$stamp" ]; then exit; fi
command -v debootstrap >/dev/null || { echo "debootstrap is needed: apt-get install debootstrap" >&2; exit 75; }
[ "$(id -u)" = 0 ] || { echo "Only root can make a system." >&2; exit 75; }

if [ ! -e "$units/base/made" ]; then
  echo "Setting up .venv/units/base, once: Debian bookworm with systemd."
  rm -rf "$units/base"
  mkdir -p "$units"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,libnss-systemd,python3-venv,nodejs \
    bookworm "$units/base" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$units/debootstrap.log" ||
    { tail -n 5 "$units/debootstrap.log" >&2; exit 75; }
  # Empty, it is made anew at each boot. Without a login on the console nobody waits for one.
  : >"$units/base/etc/machine-id"
  ln -sf /dev/null "$units/base/etc/systemd/system/console-getty.service"
  touch "$units/base/made"
fi

rm -rf "$units/packages"
.venv/bin/python -m pip download -q --only-binary :all: --python-version 3.11 --constraint constraints.txt \
  --dest "$units/packages" '.[mcp]' hatchling
rm -rf "$units/base/opt/mycel-runtime" "$units/base/opt/packages"
mkdir "$units/base/opt/packages"
cp "$units"/packages/*.whl "$units/base/opt/packages"
chroot "$units/base" /usr/bin/python3 -m venv /opt/mycel-runtime
chroot "$units/base" sh -c '/opt/mycel-runtime/bin/python -m pip install -q --no-index --no-deps /opt/packages/*.whl'
echo "$stamp" >"$units/installed"
