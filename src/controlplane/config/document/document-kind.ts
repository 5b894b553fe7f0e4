// What kind of file a document is: routing or install configuration, one of Traefik 1, or something else altogether. A
// file in the wrong place gets one message rather than one for each of its keys.

import { didYouMean } from '../../../core/did-you-mean.ts';
import type { DecodeContext } from '../../../schema/decode-context.ts';
import { isMap } from '../../../schema/input.ts';
import { foreignDocument } from './foreign-kind.ts';
import { ROUTING_PARTS, sectionsOf } from '../routing/object-kinds.ts';

export const ROUTING_SECTIONS: readonly string[] = ROUTING_PARTS;
const PARTS_OF_HTTP = new Set(sectionsOf('http').map(([name]) => name.toLowerCase()));
/**
 * Sections of the install configuration, whose options stand in install-options.ts: that one is above all providers.
 */
export const INSTALL_SECTIONS = [
  'entryPoints', 'providers', 'log', 'accessLog', 'metrics', 'api', 'ping', 'serversTransport', 'tcpServersTransport', 'core',
  'state', 'certificatesResolvers', 'plugins', 'experimental', 'global', 'hostResolver', 'ocsp', 'spiffe', 'tracing',
] as const; // prettier-ignore
const OF_INSTALL: ReadonlySet<string> = new Set(INSTALL_SECTIONS.map((name) => name.toLowerCase()));

/** A section of routing, also where it is misspelt or stands without "http:" above it. */
export function isMeantAsRouting(key: string): boolean {
  const name = key.toLowerCase();
  if (ROUTING_SECTIONS.includes(name) || PARTS_OF_HTTP.has(name)) return true;
  return (
    !OF_INSTALL.has(name) && didYouMean(key, INSTALL_SECTIONS) === null && didYouMean(key, ROUTING_SECTIONS) !== null
  );
}

/** Sections at the top of a file that hold what anchors name, as in compose files. */
export function isExtension(key: string): boolean {
  return /^x-/i.test(key);
}

/** Sections that Traefik 1 has, and no later version. */
const VERSION_1_ROUTING = new Set(['frontends', 'backends']);
const VERSION_1_INSTALL = new Set([
  'defaultentrypoints', 'acme', 'docker', 'file', 'web', 'kubernetes', 'consulcatalog', 'marathon', 'rancher', 'mesos', 'eureka',
  'ecs', 'servicefabric', 'loglevel', 'traefiklog', 'maxidleconnsperhost', 'insecureskipverify', 'rootcas', 'respondingtimeouts',
  'forwardingtimeouts', 'healthcheck', 'retry', 'keeptrailingslash', 'provideresthrottleduration',
]); // prettier-ignore

const VERSION_1 =
  'this is a configuration of Traefik 1, whose frontends and backends are not read: migrate it to the form of Traefik 2 and 3 first, as https://doc.traefik.io/traefik/v2.11/migration/v1-to-v2/ shows';

function keysOf(value: unknown): readonly string[] {
  return isMap(value) ? Object.keys(value).filter((key) => !isExtension(key)) : [];
}

/** True for a document of another program, which has been reported. */
export function refuseForeign(value: unknown, context: DecodeContext): boolean {
  const foreign = foreignDocument(value);
  if (foreign === null) return false;
  if (foreign.key === '') context.report('error', 'wrong-kind-of-file', foreign.sentence);
  else context.at(foreign.key, () => context.report('error', 'wrong-kind-of-file', foreign.sentence));
  return true;
}

/** True for an install configuration of Traefik 1, which has been reported. */
export function refuseVersion1(value: unknown, context: DecodeContext): boolean {
  const keys = keysOf(value).map((key) => key.toLowerCase());
  const old = keys.filter((key) => VERSION_1_INSTALL.has(key) || VERSION_1_ROUTING.has(key));
  const isOld = old.length > 1 || old.some((key) => key === 'defaultentrypoints' || VERSION_1_ROUTING.has(key));
  if (!isOld || keys.includes('providers') || keys.includes('http')) return false;
  reportAt(old[0]!, value, context, 'error', VERSION_1);
  return true;
}

/**
 * The sections of a document that is meant as routing configuration. What does not belong there is reported, all of one
 * kind at once; unknown names that may be misspelt are left for the decoder.
 */
export function routingPartOf(
  value: Readonly<Record<string, unknown>>,
  context: DecodeContext,
): readonly (readonly [string, unknown])[] {
  const keys = keysOf(value);
  const isKnown = (key: string): boolean => ROUTING_SECTIONS.includes(key.toLowerCase());
  const entries = (wanted: (key: string) => boolean): (readonly [string, unknown])[] =>
    keys.filter(wanted).map((key) => [key, value[key]] as const);
  if (keys.some((key) => VERSION_1_ROUTING.has(key.toLowerCase()))) {
    const first = keys.find((key) => VERSION_1_ROUTING.has(key.toLowerCase()))!;
    reportAt(first, value, context, 'error', VERSION_1);
    return entries(isKnown);
  }
  if (refuseForeign(value, context)) return [];
  const install = keys.filter((key) => OF_INSTALL.has(key.toLowerCase()));
  if (install.length > 0) {
    const names = install.map((key) => `"${key}"`).join(', ');
    const message = `this is install configuration, which is read from the file that the router is started with: ${names} ${install.length === 1 ? 'has' : 'have'} no effect here`;
    reportAt(install[0]!, value, context, 'warning', message);
    return entries((key) => !install.includes(key));
  }
  if (keys.length === 0 || keys.some((key) => isKnown(key) || didYouMean(key, ROUTING_SECTIONS) !== null)) {
    return entries(() => true);
  }
  if (keys.every((key) => PARTS_OF_HTTP.has(key.toLowerCase()))) {
    const message = `"${keys[0]}" belongs below "http:", or "tcp:" or "udp:"; nothing of the file is used`;
    reportAt(keys[0]!, value, context, 'error', message);
    return [];
  }
  // Programs keep their own files in JSON: package.json, acme.json.
  const severity = /\.json$/i.test(context.source) ? 'warning' : 'error';
  const message = `this is no routing configuration, and is left out: it has none of the sections ${ROUTING_SECTIONS.join(', ')}; found ${keys.slice(0, 5).join(', ')}`;
  reportAt(keys[0]!, value, context, severity, message);
  return [];
}

function reportAt(
  key: string,
  value: unknown,
  context: DecodeContext,
  severity: 'error' | 'warning',
  message: string,
): void {
  const written = keysOf(value).find((one) => one.toLowerCase() === key.toLowerCase()) ?? key;
  context.at(written, () => context.report(severity, 'wrong-kind-of-file', message));
}
