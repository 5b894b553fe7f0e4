// Labels as documentation shows them and people publish them, each beside the YAML that means the same: both compile to
// the same but for what endpoints are called. `test/labels` has them; a set is labels, a line each, and YAML.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseConfig } from '../src/controlplane/config/document/document.ts';
import { decodeRouting, type RoutingConfig } from '../src/controlplane/config/routing/routing-config.ts';
import { ANY_PLUGIN } from '../src/schema/decode-context.ts';
import { after, compiledWith, labelRouting, sampleWorkload } from './support/workloads.ts';

const SETS = fileURLToPath(new URL('labels/', import.meta.url));
const MIN_SETS = 60;

interface LabelSet {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: Parameters<typeof sampleWorkload>[0]['ports'];
  readonly yaml: string;
}

const all = readdirSync(SETS).flatMap((file) =>
  readFileSync(`${SETS}${file}`, 'utf8')
    .split(/^=== /m)
    .slice(1)
    .map((text) => readSet(file, text)),
);

function readSet(file: string, text: string): LabelSet {
  const [head = '', yaml = ''] = text.split('--- yaml\n');
  const [name = '', ...lines] = head.trim().split('\n');
  const ports = lines
    .find((line) => line.startsWith('--- ports'))
    ?.split(' ')
    .slice(2) ?? ['80'];
  const labels = lines
    .filter((line) => !line.startsWith('--- '))
    .map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)] as const;
    });
  return {
    name: `${file}: ${name}`,
    labels: Object.fromEntries(labels),
    ports: ports.map((port) =>
      port.endsWith('/udp') ? { port: parseInt(port, 10), protocol: 'udp' as const } : Number(port),
    ),
    yaml,
  };
}

/** What an endpoint is known by is left out: of a label it is the workload, of YAML the address. */
function compiled(config: RoutingConfig): object {
  const { sections, secrets, wantedCertificates, diagnostics } = compiledWith(config);
  const endpointSets = Object.values(sections.endpointSets)
    .map(({ endpoints, ...set }) => ({
      ...set,
      endpoints: endpoints.map(({ key: _, sourceId: __, ...endpoint }) => endpoint),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const said = diagnostics.map(({ severity, code, path, message }) => `${severity} ${code} ${path} ${message}`);
  const all = { sections: { ...sections, endpointSets }, secrets: Object.values(secrets), wantedCertificates };
  // Names of secrets are made of their text, in which the order of options counts.
  const named = JSON.parse(JSON.stringify(all).replaceAll(/"secret":"[0-9a-f]{32}"/g, '"secret":"…"')) as object;
  return { ...named, said: said.toSorted() };
}

test.each(all.map((set) => [set.name, set] as const))('%s', (_, { labels, ports, yaml }) => {
  const routing = labelRouting();
  const config = after(null, routing.update([sampleWorkload({ id: 'app', labels, ports: ports ?? [] })]));
  const written = decodeRouting('docker', parseConfig('written.yml', yaml), { plugins: ANY_PLUGIN });
  expect(config.notes ?? []).toEqual([]);
  expect(compiled(config)).toEqual(compiled(written));
  // What is not built yet is refused in both; nothing else is wrong with any of them.
  const errors = [...config.diagnostics, ...written.diagnostics].filter(({ severity }) => severity === 'error');
  expect(errors.filter(({ code }) => code !== 'not-supported-yet')).toEqual([]);
  expect(routing.outcomes.map(({ leftOut }) => leftOut)).toEqual([null]);
});

test('there are enough of them, each with a name of its own', () => {
  const names = new Set(all.map(({ name }) => name));
  expect(names.size).toBe(all.length);
  expect(all.length).toBeGreaterThanOrEqual(MIN_SETS);
});
