// The result as JSON for tools, and as a page for people: a table of medians and ratios, and a chart of the ratios.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machine, WORK } from './engines.mjs';

const PAGE = new URL('../../docs/benchmarks.md', import.meta.url);

function figure(value, unit) {
  if (unit === 'requests/s') return value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(1);
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function chart(rows) {
  const bars = rows.filter((row) => row.ratio !== null && row.better === 'more');
  const height = bars.length * 26 + 20;
  const scale = 300 / Math.max(1, ...bars.map((row) => row.ratio));
  const lines = bars.map((row, index) => {
    const y = 10 + index * 26;
    const color = row.isOurs ? '#2563eb' : '#9ca3af';
    return `<text x="0" y="${y + 13}">${row.scenario}: ${row.name}</text><rect x="330" y="${y}" width="${(row.ratio * scale).toFixed(0)}" height="18" fill="${color}"/><text x="${(336 + row.ratio * scale).toFixed(0)}" y="${y + 13}">${row.ratio.toFixed(2)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="720" height="${height}" font-family="sans-serif" font-size="12">\n${lines.join('\n')}\n<line x1="${(330 + scale).toFixed(0)}" y1="0" x2="${(330 + scale).toFixed(0)}" y2="${height}" stroke="#111" stroke-dasharray="3"/>\n</svg>\n`;
}

/** `sections` are those of other benches: title, text before, Markdown. */
export function writeReport(results, settings, contestants, sections) {
  writeFileSync(
    join(WORK, 'results.json'),
    JSON.stringify({ date: new Date().toISOString(), machine: machine(), settings, results }, null, 1),
  );
  let text = `# Benchmarks

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${settings.rounds} rounds of ${settings.seconds} s, one core for the proxy, one for load (wrk, h2load) and
origin (nginx). ${machine()}. Medians over the rounds; a ratio is the median of the rounds' ratios. All proxies
add one response header and set the forwarded fields; limits, timeouts and metrics are on. Failed requests are counted and
named.

Versions: ${contestants.map(({ name, version }) => `${name.startsWith('Signalbox') ? `Node ${version}` : `${name} ${version}`}`).join(', ')}.

`;
  const bars = [];
  for (const result of results) {
    const goal =
      result.least === undefined
        ? ''
        : ` Goal: ${result.better === 'more' ? 'at least' : 'at most'} ${result.least}, aim ${result.aim}.`;
    const against = result.base === null ? '' : ` Ratio to ${result.baseName}.`;
    text += `## ${result.title}\n\n${(against + goal).trim()}\n\n| | ${result.unit} | ratio | CPU µs per request | |\n|---|---|---|---|---|\n`;
    for (const row of result.rows) {
      const notes = [row.errors > 0 ? `${row.errors} failed requests` : '', row.note ?? '']
        .filter((note) => note !== '')
        .join('; ');
      text += `| ${row.name} | ${figure(row.median, result.unit)} | ${row.ratio === null ? '' : row.ratio.toFixed(2)} | ${row.microseconds ? row.microseconds.toFixed(1) : ''} | ${notes} |\n`;
      bars.push({
        scenario: result.key,
        better: result.better,
        name: row.name,
        ratio: result.base === null ? null : row.ratio,
        isOurs: row.name.startsWith('Signalbox'),
      });
    }
    text += '\n';
  }
  for (const { title, about, markdown } of sections) text += `## ${title}\n\n${about}\n\n${markdown.trim()}\n\n`;
  text += `## Ratios\n\n![Ratios of all scenarios in which more is better](benchmarks.svg)\n`;
  writeFileSync(PAGE, text);
  writeFileSync(new URL('../../docs/benchmarks.svg', import.meta.url), chart(bars));
}
