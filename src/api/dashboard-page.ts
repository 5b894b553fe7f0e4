// A page that shows what is configured and what is wrong with it. Made whole by the server: no script, nothing loaded
// from elsewhere, readable with any browser.

import type { Diagnostic } from '../model/diagnostic.ts';
import type { Pipeline } from '../controlplane/pipeline/pipeline.ts';
import type { ConfigurationView } from './configuration-view.ts';
import type { ShownObject } from './answers.ts';

/** A page is for reading: longer lists are the API's. */
const MAX_ROWS = 500;
const MAX_SERVERS = 20;

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1a202c; background: #fff }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem } td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #e2e8f0; vertical-align: top }
code { font-size: .9em } .disabled, .error { color: #9b1c1c } .warning { color: #8a4b00 } .enabled { color: #17663a }
@media (prefers-color-scheme: dark) { body { color: #e2e8f0; background: #14181f } td, th { border-color: #2d3748 } .disabled, .error { color: #fc8181 } .warning { color: #f6ad55 } .enabled { color: #68d391 } }
`;

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function table(title: string, heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = rows.slice(0, MAX_ROWS);
  const rest = rows.length - shown.length;
  return `<h2>${title} <small>${rows.length}</small></h2>
<table><thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead>
<tbody>${shown.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n')}</tbody></table>${
    rest > 0 ? `<p>and ${rest} more; the API lists them all.</p>` : ''
  }`;
}

function state(shown: ShownObject): string {
  const reasons = (shown.error ?? []).map((text) => `<br>${escape(text)}`).join('');
  return `<span class="${shown.status}">${shown.status}</span>${reasons}`;
}

function text(value: unknown): string {
  if (Array.isArray(value)) return escape(value.join(', '));
  return typeof value === 'string' || typeof value === 'number' ? escape(String(value)) : '';
}

function diagnosticRow({ severity, source, line, column, message }: Diagnostic): readonly string[] {
  const place = line > 0 ? `${source}:${line}:${column}` : source;
  return [`<span class="${severity}">${severity}</span>`, `<code>${escape(place)}</code>`, escape(message)];
}

/** Its servers, those that are down marked. */
function servers(shown: ShownObject): string {
  const known = (shown['serverStatus'] ?? {}) as Readonly<Record<string, 'UP' | 'DOWN'>>; // Of traefik-view.ts.
  const marked = Object.entries(known).map(([url, status]) =>
    status === 'UP' ? escape(url) : `<span class="error">${escape(url)} is down</span>`,
  );
  const rest = marked.length - MAX_SERVERS;
  return marked.slice(0, MAX_SERVERS).join('<br>') + (rest > 0 ? `<br>and ${rest} more` : '');
}

export function dashboardPage(
  shown: ConfigurationView,
  { diagnostics, current, pin }: Pick<Pipeline, 'diagnostics' | 'current' | 'pin'>,
  version: string,
): string {
  const pinned =
    pin === null
      ? ''
      : `<p class="warning"><strong>${escape(pin.text[0]!.toUpperCase() + pin.text.slice(1))}.</strong> What follows is what serves.</p>`;
  const plain = (object: ShownObject): readonly string[] => [
    `<code>${escape(object.name)}</code>`,
    text(object['type']),
    text(object.usedBy),
    state(object),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Signalbox</title><style>${STYLE}</style></head><body>
<h1>Signalbox</h1>
${pinned}
<p>Version ${escape(version)}, configuration version ${current.version}.</p>
${diagnostics.length === 0 ? '' : table('Diagnostics', ['', 'where', 'what'], diagnostics.map(diagnosticRow))}
${table(
  'Routers',
  ['name', 'rule', 'entry points', 'service', 'state'],
  shown
    .list('routers')
    .map((router) => [
      `<code>${escape(router.name)}</code>`,
      `<code>${text(router['rule'])}</code>`,
      text(router['using']),
      text(router['service']),
      state(router),
    ]),
)}
${table(
  'Services',
  ['name', 'type', 'servers', 'used by', 'state'],
  shown.list('services').map((service) => {
    const [name, type, usedBy, status] = plain(service) as [string, string, string, string]; // Four, as above.
    return [name, type, servers(service), usedBy, status];
  }),
)}
${table('Middlewares', ['name', 'type', 'used by', 'state'], shown.list('middlewares').map(plain))}
</body></html>
`;
}
