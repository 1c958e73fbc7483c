#!/bin/sh
# The agents of `make agents`, each in a folder of its own under .venv/agents: 3 GB, from npm and PyPI.
# With arguments: only those of these names. What is there at its version already is left alone.
#
# Needs npm, of any Node: two of the agents need Node 22, which npm installs like a package. Older Nodes get older
# versions of them from npm, without a word. Those from PyPI need Python
# 3.12 or later, in the PATH.
set -eu

cd "$(dirname "$0")/../.."
agents=$PWD/.venv/agents
list=$PWD/tests/agents/agents.txt
export PIP_DISABLE_PIP_VERSION_CHECK=1

command -v npm >/dev/null || { echo "npm is needed: install Node, whichever version." >&2; exit 1; }

python=
for each in "$PWD/.venv/bin/python" python3 python3.13 python3.12; do
  if "$each" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then python=$each; break; fi
done

add() { # folder package: with npm, in a folder that it takes for a project
  mkdir -p "$1"
  echo '{"private": true}' >"$1/package.json"
  npm install --prefix "$1" --no-audit --no-fund --loglevel=error "$2" >/dev/null
}

if [ ! -x "$agents/node/node_modules/node/bin/node" ]; then
  echo "node@22"
  add "$agents/node" node@22
fi
PATH=$agents/node/node_modules/node/bin:$PATH

while read -r name registry package; do
  case $name in '#'*) continue ;; esac
  if [ $# -gt 0 ]; then
    case " $* " in *" $name "*) ;; *) continue ;; esac
  fi
  folder=$agents/$name
  if [ -e "$folder/installed" ] && [ "$(cat "$folder/installed")" = "$package" ]; then continue; fi
  if [ "$registry" = pypi ] && [ -z "$python" ]; then
    echo "$package needs Python 3.12 or later, in the PATH: left out." >&2
    continue
  fi
  echo "$package"
  rm -rf "$folder"
  if [ "$registry" = npm ]; then
    add "$folder" "$package"
  else
    "$python" -m venv "$folder"
    "$folder/bin/python" -m pip install -qq "$package"
  fi
  echo "$package" >"$folder/installed"
done <"$list"
