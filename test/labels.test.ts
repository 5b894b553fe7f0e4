// Labels as documentation shows them and people publish them, each set beside the YAML that means the same. They are in
// `test/labels`: a set is a name, labels, a line each, the ports that are exposed, and YAML.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { expectAlike, labelsOf } from './support/label-sets.ts';
import type { SampleOptions } from './support/workloads.ts';

const SETS = fileURLToPath(new URL('labels/', import.meta.url));
const MIN_SETS = 60;

interface LabelSet {
  readonly name: string;
  readonly workload: SampleOptions;
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
  const exposed = lines
    .find((line) => line.startsWith('--- ports'))
    ?.split(' ')
    .slice(2) ?? ['80'];
  const ports = exposed.map((port) =>
    port.endsWith('/udp') ? { port: parseInt(port, 10), protocol: 'udp' as const } : Number(port),
  );
  const labels = labelsOf(lines.filter((line) => !line.startsWith('--- ')));
  return { name: `${file}: ${name}`, workload: { id: 'app', labels, ports }, yaml };
}

test.each(all.map((set) => [set.name, set] as const))('%s', (_, { workload, yaml }) => {
  expectAlike(workload, yaml);
});

test('there are enough of them, each with a name of its own', () => {
  const names = new Set(all.map(({ name }) => name));
  expect(names.size).toBe(all.length);
  expect(all.length).toBeGreaterThanOrEqual(MIN_SETS);
});
