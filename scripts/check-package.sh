#!/usr/bin/env bash
# Packs the package, has its types and entry points checked by tools made for it, installs it into an empty prefix and runs
# what was installed.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" >/dev/null
npm install --silent --no-audit --no-fund --prefix "$work/prefix" "$work"/signalbox-*.tgz >/dev/null
"$work/prefix/node_modules/.bin/signalbox" version
"$work/prefix/node_modules/.bin/signalbox" check examples/first-router/signalbox.yml
npx --no-install publint --strict "$work"/signalbox-*.tgz
# A package for import alone: `require` of it is not offered, and older resolution is told so.
npx --no-install attw --profile esm-only "$work"/signalbox-*.tgz
cat >"$work/prefix/app.mjs" <<'JS'
import { defineConfig, startRouter } from 'signalbox';
const router = await startRouter(defineConfig({ entryPoints: { web: { address: '127.0.0.1:0' } } }));
const { status } = await fetch(router.addresses.web.url);
if (status !== 404) throw new Error(`expected 404, found ${status}`);
await router.stop();
JS
node "$work/prefix/app.mjs"
# A plugin in a folder that knows no signalbox, run by the installed one, and its types where it is installed.
cp -r examples/plugin "$work/plugin"
"$work/prefix/node_modules/.bin/signalbox" check "$work/plugin/signalbox.yml"
cp examples/plugin/tenant.ts "$work/prefix/"
node_modules/.bin/tsc --ignoreConfig --noEmit --strict --skipLibCheck --module nodenext --target es2023 --types '' "$work/prefix/tenant.ts"
