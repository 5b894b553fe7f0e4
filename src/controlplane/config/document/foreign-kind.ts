// Files of other programs that people hand to this one: recognised, and told in one sentence what to do with them.

import { isMap } from '../../../schema/input.ts';

/** What a text is that is not YAML, or YAML by chance; null when nobody knows. */
export function foreignText(text: string): string | null {
  const start = text.slice(0, 64 * 1024);
  return TEXTS.find(({ signs }) => signs.every((sign) => sign.test(start)))?.sentence ?? null;
}

const LABELS =
  'these are labels, which belong to containers: in a file each dot is a level, so that traefik.http.routers.a.rule=… becomes http: routers: a: rule: …';

const TEXTS: readonly { readonly signs: readonly RegExp[]; readonly sentence: string }[] = [
  {
    signs: [/^\s*<(?:!doctype html|html|head|body)\b/i],
    sentence: 'this is a web page (HTML), as a download leaves it that went wrong: fetch the file itself',
  },
  {
    signs: [/^\s*(?:server|http|upstream\s+\S+)\s*\{/m, /;\s*(?:[#}].*)?$/m],
    sentence:
      'this is a configuration of nginx, which is not read: a "location" becomes a router, an "upstream" a service, as docs/from-nginx.md shows',
  },
  {
    signs: [/^\s*<VirtualHost\b/im],
    sentence: 'this is a configuration of Apache, which is not read: a "VirtualHost" becomes a router with a Host rule',
  },
  {
    signs: [/^\s*(?:frontend|backend|listen)\s+[\w.-]+\s*$/m, /^\s+(?:bind|server|mode)\s/m],
    sentence:
      'this is a configuration of HAProxy, which is not read: a "frontend" becomes an entry point with routers, a "backend" a service',
  },
  {
    signs: [/^[^\s#{}][^#{}\n]*\{\s*(?:#.*)?$/m, /^\s*(?:reverse_proxy|file_server|php_fastcgi|respond|redir|handle_path|encode|tls|import)\b/m],
    sentence:
      'this is a Caddyfile, which is not read: a site becomes a router, "reverse_proxy" a service, as docs/from-caddy.md shows',
  },
  {
    signs: [/^[^\s#{}:][^#{}\n:]*\n\s*reverse_proxy\s/m],
    sentence:
      'this is a Caddyfile, which is not read: a site becomes a router, "reverse_proxy" a service, as docs/from-caddy.md shows',
  },
  {
    signs: [/^\s*["']?(?:traefik|signalbox)\.(?:enable|http|tcp|udp)\b/i],
    sentence: LABELS,
  },
]; // prettier-ignore

/** What a document of another program is; null for one that may be ours. */
export function foreignDocument(value: unknown): { readonly key: string; readonly sentence: string } | null {
  if (Array.isArray(value)) {
    const isLabels = value.length > 0 && value.every((one) => typeof one === 'string' && isLabel(one));
    return isLabels ? { key: '', sentence: LABELS } : null;
  }
  if (!isMap(value)) return null;
  const { apiVersion, kind, services, labels } = value;
  if (typeof apiVersion === 'string' && typeof kind === 'string') {
    const sentence = `this is a Kubernetes object (${kind}), which is read from a cluster and not from files: write what it says as routers and services below "http:"`;
    return { key: 'kind', sentence };
  }
  const isCompose =
    isMap(services) && Object.values(services).some((one) => isMap(one) && ('image' in one || 'build' in one));
  if (isCompose && !('http' in value)) {
    const sentence =
      'this is a compose file: its labels are read from the containers that it starts, with providers.docker (docs/docker.md); in a file each is an option, traefik.http.routers.a.rule=… is http: routers: a: rule: …';
    return { key: 'services', sentence };
  }
  const key = Object.keys(value).find(isLabel);
  if (key !== undefined) return { key, sentence: LABELS };
  const isLabels = Array.isArray(labels)
    ? labels.some((one) => typeof one === 'string' && isLabel(one))
    : isMap(labels) && Object.keys(labels).some(isLabel);
  return isLabels ? { key: 'labels', sentence: LABELS } : null;
}

function isLabel(text: string): boolean {
  return /^(?:traefik|signalbox)\.(?:enable|http|tcp|udp|docker|swarm)\b/i.test(text);
}
