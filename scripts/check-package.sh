#!/usr/bin/env bash
# Packs the package, installs it into an empty prefix and runs what was installed.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" >/dev/null
npm install --silent --no-audit --no-fund --prefix "$work/prefix" "$work"/signalbox-*.tgz >/dev/null
"$work/prefix/node_modules/.bin/signalbox" version
"$work/prefix/node_modules/.bin/signalbox" check examples/first-router/signalbox.yml
