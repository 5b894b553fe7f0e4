// The page for people who come from Traefik: what is different on purpose, and how each option fares, from the schemas.

import { migrationTable, type MigrationEntry } from '../src/controlplane/config/install/migration.ts';

/** Subject, there, here. */
const BEHAVIOURS: readonly (readonly [string, string, string])[] = [
  [
    'one broken file or object',
    'stops the provider, or removes the router without a word',
    'costs that object only, with a diagnostic; it goes on as it last was where it once was good (`providers.keepLastGood`)',
  ],
  [
    'a router whose middleware or service cannot be used',
    '404, or the next router that matches takes its requests',
    'keeps its place and answers 503 (`router_disabled`): nothing that it guards falls through to a wider router; TCP connections are closed, datagrams dropped',
  ],
  [
    'a label with a mistake, a container without a port',
    'the container is left out, with all its objects',
    'costs the object that the label is in',
  ],
  [
    'two containers that say different things of one router, service or middleware',
    'it is taken away from all of them',
    'what the one that was created first says is in force; the others’ definition is left out, with a warning that names both',
  ],
  [
    'labels for `weighted`, `highestRandomWeight`, `serversTransports`, `parentRefs`',
    'only in files and key-value stores',
    'as in a file',
  ],
  [
    'a label that names a file of the router, or a service `…@internal`',
    'the file is read, the service is served',
    'refused, unless `allowFiles` or `internalServices` of the provider says otherwise; `noop@internal` may be named',
  ],
  [
    'a label for `tls.stores.default`',
    'taken',
    'refused: certificates, TLS options and stores are set by whoever runs the router',
  ],
  [
    'a label that `defaultRule` needs and a container does not have',
    'empty text in the rule',
    'a diagnostic of that container, whose router is left out',
  ],
  [
    'a child of `weighted` that cannot be used',
    'the whole service is gone',
    'its share is answered 503, the others get theirs',
  ],
  [
    'names of servers',
    'looked up for each connection',
    'kept fresh every 5 s; addresses that are gone are left after 15 s',
  ],
  [
    'one wrong entry in a list: a user, an address, an origin, a server, a status',
    'costs the middleware or service, and with it the router',
    'costs the entry, with a warning; the object when no entry is left, or when what is listed keeps somebody out (`excludedIPs`)',
  ],
  [
    '`customRequestHeaders` and `customResponseHeaders` with `Connection`, `TE`, `Content-Length` and the like',
    'sent, or dropped without a word',
    'the entry is left out, with a warning',
  ],
  [
    'what is sent to `providers.rest` and names a file: `usersFile`, `certFile`',
    'the process reads the file',
    'an error in the object: entries and PEM are written out',
  ],
  ['numbers where text is wanted, `X-Version: 1.10`', '`1.1`', '`1.10`, as it is written'],
  ['`healthCheck.interval` below 100 ms', 'as it is', '100 ms'],
  ['`healthCheck.path` that is a whole URL', 'another server is asked', 'an error'],
  ['`compress.excludedContentTypes: ["image/*"]`', 'excludes nothing', 'excludes every image'],
  [
    'a certificates resolver that cannot work, such as one with an unknown DNS provider',
    'is skipped',
    'is off, with a warning; its routers are served with other certificates',
  ],
  ['`priority` beyond 2⁵³', 'counts to the last digit', 'counts as the highest there is'],
  ['files in UTF-16, as PowerShell writes them', 'refused', 'read'],
  [
    '`readTimeout`',
    'the whole request body, 60 s',
    'the longest pause in it, 60 s; `readTotalTimeout` limits the whole',
  ],
  ['`maxHeaderBytes`', '1 MiB', '64 KiB'],
  ['`providersThrottleDuration`', '2 s', '100 ms'],
  ['`log.level`', 'ERROR', 'INFO'],
  [
    'internal entry point `traefik`',
    'every address, port 8080',
    'loopback, port 8080; in the container image every address',
  ],
  [
    'the container image',
    'runs as root',
    'runs as the user 65532: `--group-add` for the group of Docker’s socket, `chown 65532:65532` for folders with certificates',
  ],
  [
    '`graceTimeOut` in the container image, where none is configured',
    '10 s, when Docker kills it as well',
    '8 s, so that it ends in order',
  ],
  [
    'a command line without entry points',
    '`http` on port 80',
    'the same in the container image; elsewhere an error that says what to write',
  ],
  [
    'port 8080 in use, where no `entryPoints.traefik` is written',
    'ends, when something is served there',
    'a warning; everything else is served',
  ],
  ['install and routing configuration', 'separate', 'may share a file; its routing objects are `name@install`'],
  [
    'directory provider',
    '`.yml`, `.yaml`, `.toml`',
    '`.json` as well; every level is watched; names beginning with `..` are skipped',
  ],
  [
    'a container on several networks of which none is named',
    'any of them, another one each time',
    'one that the router is on, otherwise the first by name',
  ],
  [
    'a container that is being stopped',
    'gets requests until it has ended',
    'gets nothing new while another one of its service is ready',
  ],
  [
    'an event of Docker that is lost',
    'stale until the next one',
    'found within 30 s (`providers.docker.resyncInterval`)',
  ],
  [
    'malformed chunked bodies, `Content-Length` with `Transfer-Encoding`, folded fields, bare LF, `%00`',
    'accepted or 500',
    '400',
  ],
  ['origin sends garbage', '500', '502 with a response flag'],
  ['untrusted `Forwarded`, `X-Forwarded-Ssl`, `X-Replaced-Path`', 'passed on', 'removed'],
  [
    'servers that authenticate connections (NTLM, Negotiate)',
    'a connection of the client’s own from the server’s challenge on; credentials sent unasked share connections',
    'from the first sign on, whoever gives it; idle ones give way where `maxConnsPerHost` is used up',
  ],
  [
    'connections that a server is about to close',
    'used; a POST may be lost',
    'avoided: the server’s `Keep-Alive: timeout`, or what it did before',
  ],
  [
    '`;` in a query, without `encodeQuerySemicolons`',
    'sent as `&`',
    'sent as it came; rules read it as `&`, as in Traefik',
  ],
  ['trailers of requests', 'lost', 'carried'],
  [
    'upgrades (`tcp`, `SPDY/3.1`, `derp` …)',
    'any protocol, h2c and TLS as well',
    'any but `h2c`, `HTTP/*` and `TLS/*`, which would carry requests past the router',
  ],
  [
    'tunnels in which nobody speaks',
    'stay open',
    'closed after `respondingTimeouts.tunnelIdleTimeout`, an hour; 0 keeps them',
  ],
  [
    'a server that fails requests',
    'a line per request, at DEBUG',
    'at WARN: the first failure with its reason, a count a minute, and that it answers again',
  ],
  [
    'a client certificate that does not verify',
    'an alert, `bad_certificate`',
    'the connection is closed after the handshake, without an alert',
  ],
  [
    'a TLS hello at an entry point without TLS routers',
    'a handshake, then 404',
    'the same where it has no plain routers either; 400 at its first byte elsewhere',
  ],
  [
    'more begun requests, handshakes and slow readers than memory holds',
    'the process ends',
    'the newest are refused (`core.maxBytesInProgress`)',
  ],
  ['more than a few interim responses (`102`)', 'as many as come', 'the same, up to 20 a second'],
  [
    'page of `errors`',
    'takes all fields away',
    'keeps what the status needs: `WWW-Authenticate`, `Allow`, `Retry-After` …',
  ],
  ['request without `Accept-Encoding`', 'gets `gzip`', 'left alone'],
  ['`headers.allowedHosts`', 'compares the port; 500', 'port only when given; 400'],
  ['Go templates in files', 'run', 'a warning that says what to write instead'],
  ['order of servers', 'shuffled at every build', 'stable, strict smooth rounds'],
  ['metric prefix', '`traefik`', '`signalbox`; `metrics.prometheus.prefix: traefik` gives the old names'],
  ['`basicAuth`', 'bcrypt, `$apr1$`, `$1$`, `{SHA}`', 'those, and `$5$` and `$6$` as well'],
  ['`buffering`', 'gathers bodies, on disk when large', 'limits them as they pass'],
  ['`compress`', 'everything of a size', 'not what is compressed in itself; codings in any case, `*`'],
  [
    '`Vary: Accept-Encoding` of `compress`',
    'on what was compressed',
    'on every answer that another `Accept-Encoding` would have changed, and on no other (RFC 9110 §12.5.5)',
  ],
  ['`compress.defaultEncoding: gzip`', 'does nothing', 'compresses for clients that do not say what they accept'],
  ['`zstd` in `compress`', 'always', 'where Node.js has it, from 22.15 on'],
  ['`errors`, where the client asked with HEAD', 'asks for the page with GET', 'asks with HEAD'],
  [
    'PROXY protocol header of a peer that is not trusted',
    'dropped, and the connection is served',
    'refused with 400 as the first bytes of a request; TCP routers pass the bytes on',
  ],
  ['`addPrefix: /end/` for `/z`', '`/end//z`', '`/end/z`'],
  ['`X-Forwarded-Prefix`', 'decoded', 'percent-encoded'],
  ['a router whose parent has an error', 'is served, without its parent’s middlewares', 'is not served'],
  ['password hashes in the API', 'shown', '`xxxx`'],
  ['`usedBy` in the API', 'names routers', 'names routers, chains and services'],
  [
    '`providers.rest`, and whatever else changes something through the API',
    'taken from everybody who gets there',
    'taken with `api.token` or through the Unix socket, at every door, and from no page of another origin',
  ],
  [
    'the API on an address of the network, without a token, asked by a name',
    'answered',
    '403, against DNS rebinding, unless `api.allowedHosts` has the name',
  ],
  [
    'API, `/ping` and `/metrics` on loopback, asked under another host than `localhost`, an address or one of `api.allowedHosts`',
    'answered',
    '403, against DNS rebinding',
  ],
  [
    '`redirections.entryPoint.to` that names no entry point',
    'an error in the log; requests are served without the redirection',
    'a warning; requests of the entry point are answered 503',
  ],
  ['several `Authorization` fields', 'the first counts', '400'],
  ['`digestAuth`', 'takes credentials for other paths', '400; nonces end after five minutes, unnoticed by users'],
  ['`usersFile`', 'read when something else changes', 'watched'],
];

export function renderMigrationPage(): string {
  const behaviours = BEHAVIOURS.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
  const entries = migrationTable();
  const section = (title: string, verdict: MigrationEntry['verdict']): string => {
    const rows = entries.filter((entry) => entry.verdict === verdict);
    const lines = rows.map(({ path, note }) => `| \`${path}\` | ${note.replaceAll('|', '\\|')} |\n`);
    return `## ${title}\n\n| option | |\n|---|---|\n${lines.join('')}\n`;
  };
  const works = entries.filter(({ verdict }) => verdict === 'works').map(({ path }) => `\`${path}\``);
  return `<!-- Written by npm run generate. -->

# Coming from Traefik

Signalbox reads Traefik v3’s configuration: files, \`TRAEFIK_…\` environment variables and flags. What the words mean: [concepts](concepts.md). To learn how yours fares:

\`\`\`console
$ signalbox check --from-traefik traefik.yml
\`\`\`

lists every option it uses as works, differs (and how) or not yet. Without the flag, \`check\` shows what is wrong: options that are known and not built yet are warnings by name, and errors where leaving them out would weaken security, change what a router means, or leave out what a provider would bring. Each says what there is until then. \`signalbox run\` goes on without such a provider, with a warning.

## What behaves differently, on purpose

| subject | Traefik | Signalbox |
|---|---|---|
${behaviours}
Kept to the letter: default priority is the length of the rule; \`PathPrefix\` is plain text; \`name@provider\`; keys without regard to case; default entry points; \`X-Forwarded-*\`; the text of 404 and 503 answers.

${section('Options that work differently', 'differs')}${section('Options that are not there yet', 'not yet')}## Options that work

${works.join(', ')}.
`;
}
