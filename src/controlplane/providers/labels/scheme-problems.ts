// What is to be said of labels that describe no object: two prefixes that contradict each other, and names that nobody
// knows. A label of the prefix `traefik.` may be somebody's own, so that it is told only where it looks like a slip.

import { didYouMean } from '../../../core/did-you-mean.ts';
import type { LabelProblem } from './label-objects.ts';
import type { LabelSettings } from './label-options.ts';
import type { SchemeLabel, SchemeLabels } from './scheme-labels.ts';

const PARTS = ['enable', 'http', 'tcp', 'udp', 'tls'];
/** Providers whose labels other providers may meet. */
const PROVIDERS = ['docker', 'swarm', 'ecs', 'consulcatalog', 'nomad', 'marathon'];
/** Of Traefik 1. */
const VERSION_1 = new Set(['frontend', 'backend', 'port', 'protocol', 'weight', 'domain', 'segment']);

export function schemeProblems(
  { byName, contradictions }: SchemeLabels,
  { kind, ownLabels, constraints }: LabelSettings,
): readonly LabelProblem[] {
  const problems: LabelProblem[] = contradictions.map(({ inForce, leftOut }) => ({
    severity: 'warning',
    code: 'duplicate-key',
    message: `the label ${inForce.label} says something else, and counts; this one is left out`,
    path: leftOut.parts.join('.'),
    label: leftOut,
  }));
  for (const label of byName.values()) {
    if (constraints?.labels.has(label.label) === true) continue;
    const message = unknownName(label, kind.toLowerCase(), ownLabels);
    if (message === null) continue;
    problems.push({ severity: 'warning', code: 'unknown-option', message, path: label.parts.join('.'), label });
  }
  return problems;
}

function unknownName({ label, parts }: SchemeLabel, kind: string, ownLabels: readonly string[]): string | null {
  if (PARTS.includes(parts[0]!)) return null;
  const [first = '', second = ''] = parts.map((part) => part.toLowerCase());
  if (PARTS.includes(first)) return null;
  if (first === kind || first === 'docker') {
    const known = [...ownLabels, 'network'];
    if (parts.length === 2 && known.some((name) => name.toLowerCase() === second)) return null;
    const near = didYouMean(second, known);
    return `unknown label "${label}"${near === null ? `; known here: ${known.join(', ')}` : `; did you mean "${near}"?`}`;
  }
  if (PROVIDERS.includes(first)) return null;
  if (VERSION_1.has(first)) {
    return `"${label}" is a label of Traefik 1, which has no effect; routers, services and middlewares are below "http"`;
  }
  const near = didYouMean(first, [...PARTS, kind]);
  if (near !== null) return `unknown label "${label}"; did you mean "${near}"?`;
  return label.toLowerCase().startsWith('signalbox.')
    ? `unknown label "${label}"; known here: ${PARTS.slice(0, 4).join(', ')}, ${kind}`
    : null;
}
