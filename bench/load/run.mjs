// `npm run bench`: Signalbox beside its rivals. Options: --rounds N (3), --seconds N (5), --only KEY[,KEY], --dry. The
// page is written anew by a run of everything alone.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { need, WORK } from './engines.mjs';
import { LOAD_CORE, median, PROXY_CORE, startPinned, stop } from './measure.mjs';
import { writeReport } from './report.mjs';
import { origin, ORIGIN_PORT, rivals } from './rivals.mjs';
import { SCENARIOS } from './scenarios.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string' },
    dry: { type: 'boolean' },
  },
});
const settings = { rounds: Number(values.rounds), seconds: Number(values.seconds) };
for (const [program, packageName] of [
  ['nginx', 'nginx'],
  ['wrk', 'wrk'],
  ['h2load', 'nghttp2-client'],
  ['taskset', 'util-linux'],
]) {
  if (need(program, packageName) === null) process.exit(1);
}
const known = rivals();
const back = await startPinned(LOAD_CORE, origin(), ORIGIN_PORT);
let nextPort = 19100;

async function start(key, config) {
  const port = nextPort++;
  const directory = join(WORK, `run-${port}`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const child = await startPinned(PROXY_CORE, known[key].start({ ...config, port, directory }), port);
  return { key, name: known[key].name, port, directory, child };
}

async function runScenario(scenario) {
  const keys = scenario.contestants.filter(
    (key) => known[key] !== undefined && (!scenario.config.tcp || known[key].carriesTcp !== false),
  );
  const contestants = [];
  for (const key of keys) {
    contestants.push(await start(key, scenario.config));
    if (scenario.second !== undefined)
      contestants.push({ ...(await start(key, scenario.second)), key: `${key}-second`, of: key });
  }
  const shared = { contestants };
  const samples = new Map(contestants.map(({ key }) => [key, []]));
  // A short round first: compilers and caches warm up for everybody.
  for (const contestant of contestants)
    if (scenario.unit === 'requests/s') await scenario.run(contestant, { seconds: 1 }, shared);
  for (let round = 0; round < settings.rounds; round++) {
    for (const contestant of contestants)
      samples.get(contestant.key).push(await scenario.run(contestant, settings, shared));
  }
  for (const { child, directory } of contestants) {
    await stop(child);
    rmSync(directory, { recursive: true, force: true });
  }
  return summarise(scenario, contestants, samples);
}

function summarise(scenario, contestants, samples) {
  const rows = [];
  for (const { key, name, of } of contestants) {
    const own = samples.get(key);
    const figures = own.map((sample) => sample.value);
    let ratio = null;
    const baseSamples =
      scenario.base === 'self'
        ? samples.get(of ?? key)
        : scenario.base === null || scenario.base === 'quiet'
          ? null
          : samples.get(scenario.base);
    if (scenario.base === 'quiet') ratio = median(own.map((sample) => sample.value / sample.base));
    else if (baseSamples) ratio = median(own.map((sample, round) => sample.value / baseSamples[round].value));
    rows.push({
      name: of === undefined ? name : `${name}, second`,
      median: median(figures),
      ratio,
      microseconds: median(own.map((sample) => sample.microseconds ?? 0)),
      errors: own.reduce((sum, sample) => sum + (sample.errors ?? 0), 0),
      note: own.at(-1).note,
    });
  }
  const baseName = { self: 'its first form', quiet: 'no changes' }[scenario.base] ?? known[scenario.base]?.name ?? '';
  const { key, title, unit, better, base, least, aim } = scenario;
  return { key, title, unit, better, base, baseName, least, aim, rows };
}

const only = values.only?.split(',');
const results = [];
for (const scenario of SCENARIOS) {
  if (only !== undefined && !only.includes(scenario.key)) continue;
  const result = await runScenario(scenario);
  results.push(result);
  console.log(`\n${result.title}${result.least === undefined ? '' : ` (goal ${result.least}, aim ${result.aim})`}`);
  for (const row of result.rows) {
    const ratio = row.ratio === null ? '' : row.ratio.toFixed(2);
    console.log(
      `  ${row.name.padEnd(26)} ${row.median.toFixed(2).padStart(12)} ${result.unit.padEnd(10)} ${ratio.padStart(6)}  ${row.microseconds ? `${row.microseconds.toFixed(1)} µs` : ''} ${row.errors > 0 ? `${row.errors} FAILED` : ''} ${row.note ?? ''}`,
    );
  }
}
await stop(back);
/** Standard output of another bench. */
function outputOf(script) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return execFileSync('taskset', ['-c', PROXY_CORE, process.execPath, path], { encoding: 'utf8' });
}

// Part of the results would take the place of all of them.
if (!values.dry && only === undefined) {
  const sections = [
    {
      title: 'what a middleware adds',
      about:
        'Each kind with and without by turns, in process, with the heads rendered (`bench/micro/middlewares.mjs`). Goal: at most 0.3 µs for headers, prefixes and redirects.',
      markdown: outputOf('../micro/middlewares.mjs'),
    },
    {
      title: 'health checks',
      about: 'CPU of the process while it serves nothing (`bench/load/health.mjs`).',
      markdown: outputOf('./health.mjs'),
    },
  ];
  writeReport(results, settings, Object.values(known), sections);
}
