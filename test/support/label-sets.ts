// Labels as text, and what they compile to, to be held against the YAML that means the same.

import { expect } from 'vitest';
import { parseConfig } from '../../src/controlplane/config/document/document.ts';
import { decodeRouting, type RoutingConfig } from '../../src/controlplane/config/routing/routing-config.ts';
import { ANY_PLUGIN } from '../../src/schema/decode-context.ts';
import { after, compiledWith, labelRouting, sampleWorkload, type SampleOptions } from './workloads.ts';

/** A label a line. */
export function labelsOf(lines: readonly string[]): Readonly<Record<string, string>> {
  const labels = lines.map((line) => {
    const at = line.indexOf('=');
    return [line.slice(0, at), line.slice(at + 1)] as const;
  });
  return Object.fromEntries(labels);
}

/** The labels of the workload say what the YAML says: both compile to the same but for what endpoints are called. */
export function expectAlike(workload: SampleOptions, yaml: string): void {
  const routing = labelRouting();
  const config = after(null, routing.update([sampleWorkload(workload)]));
  const written = decodeRouting('docker', parseConfig('written.yml', yaml), { plugins: ANY_PLUGIN });
  expect(config.notes ?? []).toEqual([]);
  expect(compiled(config)).toEqual(compiled(written));
  // What is not built yet is refused in both; nothing else is wrong with any of them.
  const errors = [...config.diagnostics, ...written.diagnostics].filter(({ severity }) => severity === 'error');
  expect(errors.filter(({ code }) => code !== 'not-supported-yet')).toEqual([]);
  expect(routing.outcomes.map(({ leftOut }) => leftOut)).toEqual([[]]);
}

/** What an endpoint is known by is left out: of a label it is the workload, of YAML the address. */
function compiled(config: RoutingConfig): object {
  const { sections, secrets, wantedCertificates, diagnostics } = compiledWith(config);
  const endpointSets = Object.values(sections.endpointSets)
    .map(({ endpoints, ...set }) => ({
      ...set,
      endpoints: endpoints.map((endpoint) => ({ ...endpoint, key: '', sourceId: '' })),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const said = diagnostics.map(({ severity, code, path, message }) => `${severity} ${code} ${path} ${message}`);
  const all = { sections: { ...sections, endpointSets }, secrets: Object.values(secrets), wantedCertificates };
  // Names of secrets are made of their text, in which the order of options counts.
  const named = JSON.parse(JSON.stringify(all).replaceAll(/"secret":"[0-9a-f]{32}"/g, '"secret":"…"')) as object;
  return { ...named, said: said.toSorted() };
}
