// The reference pages, rendered from the definitions the program itself runs on.

import { connectionFields, requestFields } from './log-fields.ts';
import type { ApiSources } from '../src/api/sources.ts';
import { COMMANDS } from '../src/cli/commands.ts';
import { EXIT_CODES } from '../src/cli/io.ts';
import { decodeInstall } from '../src/controlplane/config/install/load-install.ts';
import { ERROR_CODES } from '../src/core/errors.ts';
import { installOptions } from '../src/controlplane/config/install/install-options.ts';
import { middlewareOptions, routerOptions } from '../src/controlplane/config/routing/routing-options.ts';
import { OBJECT_KINDS, sectionsOf, type RoutingPart } from '../src/controlplane/config/routing/object-kinds.ts';
import { serviceOptions } from '../src/controlplane/config/service/registry.ts';
import { namedTransportOptions } from '../src/controlplane/config/routing/transport-options.ts';
import { PROVIDERS } from '../src/controlplane/providers/registry.ts';
import { DIAGNOSTIC_CODES } from '../src/model/diagnostic-codes.ts';
import { FAILURES } from '../src/dataplane/http/failure.ts';
import { MATCHERS } from '../src/dataplane/match/matcher.ts';
import { TCP_MATCHERS } from '../src/dataplane/match/tcp-matcher.ts';
import { TCP_ENDS, type TcpEnd } from '../src/dataplane/tcp/tcp-end.ts';
import { UDP_ENDS, type UdpEnd } from '../src/dataplane/udp/udp-end.ts';
import { LATER_MIDDLEWARES, MIDDLEWARES } from '../src/dataplane/middleware/registry.ts';
import { ACCESS_LOG_FIELDS } from '../src/observe/access-log-json.ts';
import { CONNECTION_LOG_FIELDS } from '../src/observe/access-log-connection.ts';
import { FAMILIES } from '../src/observe/families.ts';
import type { Field, Fields, Schema } from '../src/schema/schema.ts';

const NOTE = '<!-- Written by npm run generate. -->\n\n';
/** Ends the first paragraph of each page. */
const WORDS = 'What the words mean: [concepts](../concepts.md).';

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function showDefault(field: Field<unknown>): string {
  if (field.isRequired) return '**required**';
  const { fallback, schema } = field;
  if (fallback === undefined) return '';
  if (schema.fields !== null) return '';
  if (schema.label === 'duration') return `\`${formatDuration(Number(fallback))}\``;
  if (Array.isArray(fallback)) return fallback.length === 0 ? 'empty' : `\`${fallback.join(', ')}\``;
  if (typeof fallback === 'object' || fallback === '') return 'empty';
  return `\`${JSON.stringify(fallback).replaceAll('"', '')}\``;
}

function formatDuration(ms: number): string {
  if (ms === 0) return '0';
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  if (ms % 60_000 === 0) return `${ms / 60_000}m`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** Rows of all options below a section; maps show their key as `<name>`. */
function rows(fields: Fields, prefix: string, laterOnes: string[]): string {
  let text = '';
  for (const [name, field] of Object.entries(fields)) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    if (field.later !== null) {
      laterOnes.push(path);
      continue;
    }
    text += `| \`${path}\` | ${cell(field.schema.label)} | ${cell(showDefault(field))} | ${cell(field.doc)} |\n`;
    text += nested(field.schema, path, laterOnes);
  }
  return text;
}

function nested(schema: Schema<unknown>, path: string, laterOnes: string[]): string {
  if (schema.fields !== null) return rows(schema.fields, path, laterOnes);
  return schema.item?.fields == null ? '' : rows(schema.item.fields, `${path}${schema.itemSuffix}`, laterOnes);
}

function table(fields: Fields): string {
  const laterOnes: string[] = [];
  const text = `| option | type | default | meaning |\n|---|---|---|---|\n${rows(fields, '', laterOnes)}`;
  if (laterOnes.length === 0) return text;
  return `${text}\nKnown and not supported yet: ${laterOnes.map((name) => `\`${name}\``).join(', ')}.\n`;
}

function installPage(): string {
  const providers = PROVIDERS.map(
    ({ kind, summary, description }) => `### \`providers.${kind}\`\n\n${summary} ${description}\n`,
  );
  return `${NOTE}# Install configuration\n\nRead at start, and again when it changes ([what takes effect then](../operations.md#changes-without-a-restart)), from one file in YAML, TOML or JSON. Keys are matched without regard to case; durations are written as in \`1m30s\`, and bare numbers count seconds. The same file may carry the [routing configuration](routing.md). ${WORDS}\n\n${table(installOptions.fields!)}\n## Providers\n\n${providers.join('\n')}`;
}

function routingPage(): string {
  return `${NOTE}# Routing configuration\n\nRouters, services, middlewares and transports by name, under \`http\`, \`tcp\` and \`udp\`; certificates, and what is agreed on with clients, under \`tls\`. A name without \`@\` means the same provider; \`name@provider\` means another one. ${WORDS}\n\n## \`http.routers.<name>\`\n\n${table(routerOptions.fields!)}\n## \`http.services.<name>\`\n\nWhen to use which, with examples: [services](../services.md).\n\n${table(serviceOptions.fields!)}\n## \`http.serversTransports.<name>\`\n\n${table(namedTransportOptions.fields!)}\n## \`http.middlewares.<name>\`\n\nExactly one of the kinds on the page [middlewares](middlewares.md).\n\n${partSections('tcp', '[TCP](../tcp.md)')}\n${partSections('udp', '[UDP](../udp.md)')}\n${partSections('tls', '[TLS](../tls.md)')}`;
}

function partSections(part: RoutingPart, page: string): string {
  return sectionsOf(part)
    .map(([name, section]) => {
      const { options, isList } = OBJECT_KINDS[section];
      const title = isList === true ? `${part}.${name}` : `${part}.${name}.<name>`;
      const intro = isList === true ? `A list. With examples: ${page}.` : `With examples: ${page}.`;
      return `## \`${title}\`\n\n${intro}\n\n${table(options.fields!)}`;
    })
    .join('\n');
}

function middlewaresPage(): string {
  const kinds = MIDDLEWARES.map(({ kind, summary, description }) => {
    const { fields } = middlewareOptions.fields![kind]!.schema;
    return `## ${kind}\n\n${summary} ${description}\n${fields === null ? '' : `\n${table(fields)}`}`;
  });
  const later = Object.entries(LATER_MIDDLEWARES).map(([kind, instead]) => `- \`${kind}\`: ${instead}.\n`);
  return `${NOTE}# Middlewares\n\nWhen to use which, with examples: [middlewares](../middlewares.md). ${WORDS}\n\n${kinds.join('\n')}\n## Not supported yet\n\nA router that names one of these is disabled, and not served without it.\n\n${later.join('')}`;
}

function rulesPage(): string {
  const list = MATCHERS.map(({ usage, summary }) => `| ${cell(`\`\` ${usage} \`\``)} | ${cell(summary)} |\n`).join('');
  const tcp = TCP_MATCHERS.map(({ usage, summary }) => `| ${cell(`\`\` ${usage} \`\``)} | ${cell(summary)} |\n`).join(
    '',
  );
  return `${NOTE}# Rules\n\nMatchers joined by \`&&\`, \`||\`, \`!\` and parentheses. Texts stand in backticks, or in double quotes with escapes. Routers are asked in the order of their \`priority\`; without one it is the length of the rule in bytes. ${WORDS}\n\n| matcher | true when |\n|---|---|\n${list}\n## TCP routers\n\nThe same language with other matchers. A rule that is \`\` HostSNI(\`*\`) \`\` alone has the priority -1 unless it says otherwise.\n\n| matcher | true when |\n|---|---|\n${tcp}`;
}

function errorsPage(): string {
  const thrown = Object.entries(ERROR_CODES).map(([code, text]) => `| \`${code}\` | ${cell(text)} |\n`);
  const diagnostics = Object.entries(DIAGNOSTIC_CODES).map(([code, text]) => `| \`${code}\` | ${cell(text)} |\n`);
  const failures = Object.values(FAILURES).map(
    ({ flag, status, side, message }) => `| \`${flag}\` | ${status} | ${side} | ${cell(message)} |\n`,
  );
  const endRow = ({ flag, side, message }: TcpEnd | UdpEnd): string => `| \`${flag}\` | ${side} | ${cell(message)} |\n`;
  const ends = Object.values(TCP_ENDS).map(endRow);
  const udpEnds = Object.values(UDP_ENDS).map(endRow);
  return `${NOTE}# Errors\n\n${WORDS}\n\n## Diagnostics\n\nWhat is said about configuration.\n\n| code | meaning |\n|---|---|\n${diagnostics.join('')}\n## Start and run\n\n| code | meaning |\n|---|---|\n${thrown.join('')}\n## Response flags\n\nWhy a request could not be served; in the access log as \`ResponseFlag\` and, for the upstream side, in \`signalbox_service_failures_total\`.\n\n| flag | status | caused by | answer |\n|---|---|---|---|\n${failures.join('')}\n## Response flags of TCP connections\n\nWhy a connection of a TCP router ended otherwise than in order.\n\n| flag | caused by | meaning |\n|---|---|---|\n${ends.join('')}\n## Response flags of UDP sessions\n\nWhy a session of a UDP router ended otherwise than by silence.\n\n| flag | caused by | meaning |\n|---|---|---|\n${udpEnds.join('')}`;
}

function observabilityPage(): string {
  const metrics = Object.entries(FAMILIES).map(
    ([name, { type, labels, help }]) => `| \`signalbox_${name}\` | ${type} | ${labels.join(', ')} | ${cell(help)} |\n`,
  );
  return `${NOTE}# Metrics and log fields\n\n${WORDS}\n\n## Metrics\n\n| series | type | labels | meaning |\n|---|---|---|---|\n${metrics.join('')}\n## Fields of the JSON access log\n\n${requestFields(ACCESS_LOG_FIELDS)}\nAlso the header fields that are kept, prefixed \`request_\`, \`downstream_\` and \`origin_\`.\n\n## Of TCP connections and UDP sessions\n\nOne line when it is over. Sizes count all bytes of the connection.\n\n${connectionFields(CONNECTION_LOG_FIELDS)}`;
}

function cliPage(): string {
  const commands = COMMANDS.map(({ name, usage, summary, description, flags, takesOptions }) => {
    const rows = Object.entries(flags).map(
      ([flag, { value, short, doc }]) =>
        `| \`--${flag}${value === null ? '' : ` ${value}`}\`${short === undefined ? '' : `, \`-${short}\``} | ${cell(doc)} |\n`,
    );
    const table = rows.length === 0 ? '' : `\n| flag | meaning |\n|---|---|\n${rows.join('')}`;
    const options = takesOptions ? ' Takes [options of the install configuration](install.md) as flags.' : '';
    return `## signalbox ${name}\n\n\`signalbox ${`${name} ${usage}`.trim()}\`: ${summary}. ${description}${options}\n${table}`;
  });
  const codes = EXIT_CODES.map(([code, meaning]) => `| ${code} | ${meaning} |\n`).join('');
  return `${NOTE}# Command line\n\n\`signalbox help COMMAND\` says the same. ${WORDS}\n\n${commands.join('\n')}\n## Exit codes\n\n| code | meaning |\n|---|---|\n${codes}`;
}

/** The operations of a router that has everything switched on. */
async function apiPage(): Promise<string> {
  const install = decodeInstall(
    '',
    'providers: { rest: {} }\napi: {}\nentryPoints: { web: { address: ":0" } }\n',
  ).value!;
  const { operationsOf } = await import('../src/api/operations.ts');
  // Descriptions alone are read: none of the sources is asked.
  const sources = {
    install: () => install,
    pipeline: {},
    events: {},
    version: '',
    takeover: {},
  } as unknown as ApiSources;
  const rows = operationsOf(sources).map(
    ({ method, path, summary, query = {} }) =>
      `| \`${method} ${path}\` | ${cell(summary)}${
        Object.entries(query).length === 0
          ? ''
          : ` Query: ${Object.keys(query)
              .map((name) => `\`${name}\``)
              .join(', ')}.`
      } |\n`,
  );
  return `${NOTE}# API\n\nServed on the internal entry point once the install configuration says \`api: {}\`: [how to reach it](../api.md). \`GET /api/openapi.json\` is the same for programs. ${WORDS}\n\n| endpoint | |\n|---|---|\n${rows.join('')}`;
}

/** Text by file name below docs/reference. */
export async function renderReference(): Promise<Readonly<Record<string, string>>> {
  return {
    'cli.md': cliPage(),
    'api.md': await apiPage(),
    'install.md': installPage(),
    'routing.md': routingPage(),
    'middlewares.md': middlewaresPage(),
    'rules.md': rulesPage(),
    'errors.md': errorsPage(),
    'observability.md': observabilityPage(),
  };
}
