// Time of one match and of one change as the number of routers grows. Routing must not get slower with more routers:
// each row's last column is the slowest size as a ratio to 10 routers. Run `npm run build` first, then
// `node bench/micro/match.mjs`. Options: --rounds N.
//
// Two ways of asking: "ten" asks ten routers spread over the table, so that only the table's size differs between the
// columns; "spread" asks up to 1,024 routers, so that larger sizes also miss the processor's caches.

import { parseArgs } from 'node:util';
import { buildRouteTable } from '../../dist/dataplane/match/route-table.js';
import { compilePattern } from '../../dist/dataplane/match/pattern.js';
import { parseRule } from '../../dist/dataplane/match/rule/rule.js';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const ROUNDS = Number(values.rounds);
const SIZES = [10, 100, 1_000, 10_000, 100_000];
const REQUESTS = 1024;
const WAYS = { ten: 10, spread: REQUESTS };
const MATCHES = 300_000;

/** Rule and request of the router with a number, per set-up. */
const SETUPS = {
  'distinct hosts, PathPrefix(/)': {
    rule: (i) => `Host(\`app-${i}.example.com\`) && PathPrefix(\`/\`)`,
    request: (i) => [`app-${i}.example.com`, '/index.html'],
  },
  'distinct hosts, wildcards': {
    rule: (i) => `Host(\`*.app-${i}.example.com\`)`,
    request: (i) => [`www.app-${i}.example.com`, '/index.html'],
  },
  'one host, exact paths': {
    rule: (i) => `Host(\`example.com\`) && Path(\`/api/v1/resource-${i}\`)`,
    request: (i) => ['example.com', `/api/v1/resource-${i}`],
  },
  'one host, prefixes': {
    rule: (i) => `Host(\`example.com\`) && PathPrefix(\`/api/v1/resource-${i}/\`)`,
    request: (i) => ['example.com', `/api/v1/resource-${i}/items/42`],
  },
  'mix: 100 hosts, prefixes, methods': {
    rule: (i) =>
      `Host(\`h${i % 100}.example.com\`) && PathPrefix(\`/svc-${i}/\`)` + (i % 3 === 0 ? ' && Method(`GET`)' : ''),
    request: (i) => [`h${i % 100}.example.com`, `/svc-${i}/items`],
  },
  'no host, prefixes': {
    rule: (i) => `PathPrefix(\`/svc-${i}/\`)`,
    request: (i) => ['example.com', `/svc-${i}/items`],
  },
  'no host, path patterns': {
    rule: (i) => `PathRegexp(\`^/svc-${i}/v[0-9]+/.*$\`)`,
    request: (i) => ['example.com', `/svc-${i}/v2/items`],
  },
};

function entryOf(setup, index, value) {
  const text = setup.rule(index);
  const { rule, errors } = parseRule(text);
  if (rule === null) throw new Error(`${text}: ${errors[0].message}`);
  return { name: `r${index}`, rule, priority: Buffer.byteLength(text), providerRank: 0, value };
}

function run(generator) {
  let longestMs = 0;
  for (;;) {
    const start = performance.now();
    const step = generator.next();
    longestMs = Math.max(longestMs, performance.now() - start);
    if (step.done) return { result: step.value, longestMs };
  }
}

function requestsFor(setup, size, distinct) {
  const requests = [];
  for (let index = 0; index < REQUESTS; index++) {
    const [host, path] = setup.request(Math.floor(((index % distinct) * size) / distinct));
    requests.push({
      host,
      path,
      method: 'GET',
      query: '',
      clientIp: '127.0.0.1',
      requestHeaders: { valuesOf: () => null },
      parsedQuery: null,
    });
  }
  // A fixed shuffle: neighbours in the table are not asked one after the other.
  for (let index = requests.length - 1, seed = 7; index > 0; index--) {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    const other = seed % (index + 1);
    [requests[index], requests[other]] = [requests[other], requests[index]];
  }
  return requests;
}

function nanosecondsPerMatch(table, requests) {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    let found = 0;
    const start = performance.now();
    for (let index = 0; index < MATCHES; index++) {
      if (table.match(requests[index & (REQUESTS - 1)]) !== null) found++;
    }
    best = Math.min(best, ((performance.now() - start) * 1e6) / MATCHES);
    if (found !== MATCHES) throw new Error(`${MATCHES - found} requests found no router`);
  }
  return best;
}

/** Median time of a changed rule of one router, from the parsed rule to the table that answers with it. */
function nanosecondsPerChange(setup, table, entries, requests) {
  const times = [];
  let current = table;
  for (let round = 0; round < 200; round++) {
    const index = (round * 7919) % entries.size;
    const name = `r${index}`;
    entries.set(name, { ...entryOf(setup, index, name), priority: 1_000 + round });
    const start = performance.now();
    current = run(buildRouteTable(current, entries, [name], [])).result;
    current.match(requests[0]);
    times.push((performance.now() - start) * 1e6);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

const rows = [];
for (const [name, setup] of Object.entries(SETUPS)) {
  const row = { name, match: { ten: [], spread: [] }, change: [], buildMs: 0, longestMs: 0 };
  for (const size of SIZES) {
    const entries = new Map();
    for (let index = 0; index < size; index++) entries.set(`r${index}`, entryOf(setup, index, `r${index}`));
    const start = performance.now();
    const { result: table, longestMs } = run(buildRouteTable(null, entries, entries.keys(), []));
    row.buildMs = performance.now() - start;
    row.longestMs = longestMs;
    for (const [way, distinct] of Object.entries(WAYS)) {
      const requests = requestsFor(setup, size, distinct);
      nanosecondsPerMatch(table, requests);
      row.match[way].push(nanosecondsPerMatch(table, requests));
    }
    row.change.push(nanosecondsPerChange(setup, table, entries, requestsFor(setup, size, 1)));
  }
  rows.push(row);
}

const cell = (value) => String(Math.round(value)).padStart(8);
for (const way of Object.keys(WAYS)) {
  console.log(
    `${`ns per match, ${way}; routers:`.padEnd(36)}${SIZES.map((size) => String(size).padStart(8)).join('')}   ratio`,
  );
  for (const { name, match } of rows) {
    const ratio = Math.max(...match[way]) / match[way][0];
    console.log(`${name.padEnd(36)}${match[way].map(cell).join('')}${ratio.toFixed(2).padStart(8)}`);
  }
  console.log('');
}
console.log(`${'ns per change of one router:'.padEnd(36)}`);
for (const { name, change } of rows) console.log(`${name.padEnd(36)}${change.map(cell).join('')}`);
console.log(`\n${'build of the largest table:'.padEnd(36)}   total ms   longest step ms`);
for (const { name, buildMs, longestMs } of rows) {
  console.log(`${name.padEnd(36)}${buildMs.toFixed(0).padStart(11)}${longestMs.toFixed(2).padStart(18)}`);
}

console.log('\nns per test of a pattern:');
for (const [pattern, text] of [
  ['^/api/v[0-9]+/.*$', '/api/v12/items/42'],
  ['^[a-z0-9-]+\\.example\\.com$', 'shop-7.example.com'],
  ['(?i)^/api/', '/API/items'],
]) {
  const test = compilePattern(pattern);
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let index = 0; index < 50_000; index++) if (!test(text)) throw new Error(pattern);
    best = Math.min(best, ((performance.now() - start) * 1e6) / 50_000);
  }
  console.log(`${pattern.padEnd(36)}${cell(best)}`);
}
