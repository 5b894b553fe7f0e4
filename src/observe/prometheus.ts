// Prometheus text exposition, version 0.0.4.

import { FAMILIES } from './families.ts';
import type { Labels } from './metrics.ts';
import type { Sample } from './metrics-aggregator.ts';

export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function renderLabels(labels: Labels, extra?: readonly [string, string]): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  if (extra !== undefined) pairs.push(`${extra[0]}="${extra[1]}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** `prefix` without the underscore. Families without samples are left out. */
export function renderPrometheus(samples: readonly Sample[], prefix: string, buckets: readonly number[]): string {
  const byMetric = new Map<string, Sample[]>();
  for (const sample of samples) {
    const list = byMetric.get(sample.metric);
    if (list === undefined) byMetric.set(sample.metric, [sample]);
    else list.push(sample);
  }
  let text = '';
  for (const [metric, family] of Object.entries(FAMILIES)) {
    const list = byMetric.get(metric);
    if (list === undefined) continue;
    const name = `${prefix}_${metric}`;
    text += `# HELP ${name} ${family.help}\n# TYPE ${name} ${family.type}\n`;
    for (const { labels, values } of list) {
      if (family.type !== 'histogram') {
        text += `${name}${renderLabels(labels)} ${values[0]!}\n`;
        continue;
      }
      buckets.forEach((bucket, index) => {
        text += `${name}_bucket${renderLabels(labels, ['le', String(bucket)])} ${values[2 + index]!}\n`;
      });
      text += `${name}_bucket${renderLabels(labels, ['le', '+Inf'])} ${values[0]!}\n`;
      text += `${name}_sum${renderLabels(labels)} ${values[1]!}\n${name}_count${renderLabels(labels)} ${values[0]!}\n`;
    }
  }
  return text;
}
