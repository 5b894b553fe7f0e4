// Every command: its words for help, completion and the reference page, and where its code is. Code is loaded when the
// command runs.

import type { FlagSpec } from './arguments.ts';
import type { Command } from './command.ts';

const CONFIG: FlagSpec = {
  value: 'FILE',
  short: 'c',
  alias: 'configFile',
  doc: 'Install configuration: YAML, TOML, JSON, or a TypeScript or JavaScript module. Looked for in the usual places when left out.',
};
const WORKERS: FlagSpec = { value: 'N', short: 'w', doc: 'Worker threads; one per core when left out.' };
const JSON_OUTPUT: FlagSpec = { value: null, doc: 'Print JSON.' };
const ADMIN: FlagSpec = {
  value: 'URL',
  doc: 'Where the API of the router is: `http://127.0.0.1:8080`, or `unix:/run/signalbox.sock`. SIGNALBOX_ADMIN_URL and SIGNALBOX_ADMIN_TOKEN say the same in the environment; otherwise the install configuration tells. In the container image it is the one router that runs there.',
};
const CLIENT = { admin: ADMIN, config: CONFIG, json: JSON_OUTPUT };

const KINDS_OF_GET: readonly string[] = [
  'routers', 'services', 'middlewares', 'tcprouters', 'tcpservices', 'tcpmiddlewares', 'udprouters', 'udpservices',
  'certificates', 'entrypoints', 'providers', 'discovered', 'snapshots', 'diagnostics',
]; // prettier-ignore

export const COMMANDS: readonly Command[] = [
  {
    name: 'init',
    usage: '[FILE]',
    summary: 'write a configuration to begin with, with comments',
    description:
      'It asks nothing, writes signalbox.yml in this directory, or the file that is named, and never over one that is there.',
    flags: {},
    takesOptions: false,
    minPositionals: 0,
    maxPositionals: 1,
    run: async (args, io) => (await import('./commands/init.ts')).init(args, io),
  },
  {
    name: 'run',
    usage: '[--config FILE] [--workers N] [--takeover] [--OPTION=VALUE]…',
    summary: 'run the router',
    description:
      'Options of the install configuration may be given as flags; they override environment variables, which override the file. SIGTERM or Ctrl-C ends it gracefully, a second one at once; SIGHUP reads the configuration again; SIGUSR1 reopens the log files; SIGUSR2 logs the memory of the workers.',
    flags: {
      config: CONFIG,
      workers: WORKERS,
      takeover: {
        value: null,
        doc: 'Have the running router start this program, with this command line, as its successor, without a request lost. Ends when the successor serves, or with 1 when it does not and the running router goes on.',
      },
      admin: { ...ADMIN, doc: `For --takeover. ${ADMIN.doc}` },
      json: { value: null, doc: 'Print diagnostics as JSON lines.' },
    },
    takesOptions: true,
    minPositionals: 0,
    maxPositionals: 0,
    run: async (args, io) => (await import('./commands/run.ts')).run(args, io),
  },
  {
    name: 'demo',
    usage: '[--workers N] | --origins [--ports LIST]',
    summary: 'three origins behind a router on this machine, to play with',
    description:
      'Everything it needs is made in a temporary directory, which it prints. With `--origins` there is no router, but two servers to put one in front of: they answer with who they are, what they were asked and with which fields.',
    flags: {
      origins: { value: null, doc: 'Only servers, for a router of your own.' },
      ports: { value: 'LIST', doc: 'Ports of the servers of --origins: `9001,9002` when left out.' },
      workers: WORKERS,
    },
    takesOptions: false,
    minPositionals: 0,
    maxPositionals: 0,
    run: async (args, io) => (await import('./commands/demo.ts')).demo(args, io),
  },
  {
    name: 'proxy',
    usage: '[NAME] TARGET [NAME TARGET]… [--port N]',
    summary: 'HTTPS in front of servers on this machine, without a configuration',
    description:
      'As in `proxy app.localhost 3000`. A target is a port, a host with its port, or a URL; without a name it is served as localhost. The certificates are of the local authority, which `trust` makes browsers believe. No configuration file is read; Ctrl-C ends it.',
    flags: {
      port: { value: 'N', short: 'p', doc: 'Port for HTTPS; 443 when left out, or 8443 where that cannot be had.' },
      'http-port': {
        value: 'N',
        doc: 'Port that leads from HTTP to HTTPS; 80 when left out, or 8080 where that cannot be had.',
      },
      workers: { ...WORKERS, doc: 'Worker threads; two when left out.' },
    },
    takesOptions: false,
    minPositionals: 1,
    maxPositionals: 200,
    run: async (args, io) => (await import('./commands/proxy.ts')).proxy(args, io),
  },
  {
    name: 'trust',
    usage: '[--check|--undo] [--stores LIST]',
    summary: 'make browsers believe the local authority, which certifies localhost',
    description:
      'Installs its certificate in the store of the system, in both databases of Chromium and in every profile of Firefox, and says what it changed and what it could not. An authority that is not there yet is made. Exits with 1 when something could not be done; `--check` does when a store does not trust it.',
    flags: {
      check: { value: null, doc: 'Change nothing; say where it is trusted.' },
      undo: { value: null, doc: 'Take it out again, with all earlier ones.' },
      stores: { value: 'LIST', doc: 'Only these, as in `nss,firefox`: system, nss (Chromium), firefox.' },
      json: JSON_OUTPUT,
    },
    takesOptions: false,
    minPositionals: 0,
    maxPositionals: 0,
    run: async (args, io) => (await import('./commands/trust.ts')).trust(args, io),
  },
  {
    name: 'check',
    usage: '[FILE|DIRECTORY]… [--strict] [--show-origin] [--from-traefik]',
    summary: 'say everything that is wrong with a configuration',
    description:
      'Works on files alone; no router has to run. Without a file it checks what `run` would use: the file in one of the usual places, or the environment and flags alone. Exits with 1 when there are errors.',
    flags: {
      config: CONFIG,
      strict: { value: null, doc: 'Exit with 1 for warnings as well.' },
      'show-origin': { value: null, doc: 'List every value of the install configuration and where it comes from.' },
      'from-traefik': { value: null, doc: 'Say of each option whether it works here as in Traefik.' },
      json: JSON_OUTPUT,
    },
    takesOptions: true,
    minPositionals: 0,
    maxPositionals: 1000,
    run: async (args, io) => (await import('./commands/check.ts')).check(args, io),
  },
  {
    name: 'diff',
    usage: 'FILE|DIRECTORY…',
    summary: 'show what a configuration would change in the running router',
    description:
      'The files stand for all of the file provider’s; of an install file, its routing is compared, and that of the files it names. Nothing is applied. Exits with 1 when they have errors.',
    flags: CLIENT,
    takesOptions: false,
    minPositionals: 1,
    maxPositionals: 1000,
    run: async (args, io) => (await import('./commands/diff.ts')).diff(args, io),
  },
  {
    name: 'explain',
    usage: 'URL [--method METHOD] [--header "Name: value"]…',
    summary: 'show which router takes a request, its way, and why others do not',
    description: 'The answer is the running router’s. Exits with 1 when no router takes the request.',
    flags: {
      method: { value: 'METHOD', short: 'X', doc: 'GET when left out.' },
      header: { value: '"Name: value"', short: 'H', doc: 'A header field of the request.', isRepeated: true },
      entryPoint: { value: 'NAME', doc: 'When left out, the one whose port the URL names, or the only one.' },
      'client-ip': { value: 'ADDRESS', doc: 'Address of the client, 127.0.0.1 when left out.' },
      ...CLIENT,
    },
    takesOptions: false,
    minPositionals: 1,
    maxPositionals: 1,
    run: async (args, io) => (await import('./commands/explain.ts')).explain(args, io),
  },
  {
    name: 'get',
    usage: 'KIND [NAME]',
    summary: 'list what the running router has, or show one object',
    description: `Kinds: ${KINDS_OF_GET.join(', ')}. A name without \`@\` is enough where one object has it. Objects that are disabled are shown with the reason; among certificates, those too that a resolver has not got yet.`,
    flags: { ...CLIENT, search: { value: 'TEXT', doc: 'Only entries whose name or rule holds the text.' } },
    takesOptions: false,
    words: KINDS_OF_GET,
    minPositionals: 1,
    maxPositionals: 2,
    run: async (args, io) => (await import('./commands/get.ts')).get(args, io),
  },
  {
    name: 'wait',
    usage: '[VERSION] [--timeout 30s]',
    summary: 'wait until every worker runs a version, or everything received so far',
    description: 'Exits with 1 when the time runs out.',
    flags: { timeout: { value: 'DURATION', doc: 'Longest time to wait, 30s when left out.' }, ...CLIENT },
    takesOptions: false,
    minPositionals: 0,
    maxPositionals: 1,
    run: async (args, io) => (await import('./commands/wait.ts')).wait(args, io),
  },
  {
    name: 'rollback',
    usage: '[VERSION] [--release]',
    summary: 'go back to an earlier snapshot, or release it',
    description:
      'Without a version, the one before. It stays in force, whatever the configuration says, until `rollback --release`.',
    flags: { release: { value: null, doc: 'Go on with the newest configuration.' }, ...CLIENT },
    takesOptions: false,
    minPositionals: 0,
    maxPositionals: 1,
    run: async (args, io) => (await import('./commands/rollback.ts')).rollback(args, io),
  },
  {
    name: 'healthcheck',
    usage: '',
    summary: 'ask the running router whether it is well',
    description:
      'Asks its ping, which the install configuration must switch on, at the entry point that has it. Exits with 1 when it is off, or when the router is shutting down. In the container image it needs neither ping nor options: it asks the one router that runs there.',
    flags: CLIENT,
    takesOptions: true,
    minPositionals: 0,
    maxPositionals: 0,
    run: async (args, io) => (await import('./commands/healthcheck.ts')).healthcheck(args, io),
  },
  {
    name: 'hash-password',
    usage: 'USER [--cost N]',
    summary: 'make the line of a user for basicAuth',
    description:
      'Asks for the password on a terminal, without showing it, or reads one line of standard input. Prints `user:hash`, with the hash in bcrypt.',
    flags: {
      cost: {
        value: 'N',
        doc: 'From 4 to 15, 10 when left out. Each step doubles the time that a guess takes, and a login.',
      },
    },
    takesOptions: false,
    minPositionals: 1,
    maxPositionals: 1,
    run: async (args, io) => (await import('./commands/hash-password.ts')).hashPasswordCommand(args, io),
  },
  {
    name: 'completion',
    usage: 'bash|zsh|fish',
    summary: 'print a completion script for a shell',
    description:
      'As in `source <(signalbox completion bash)`. At each Tab it asks this program: commands, flags, options level by level, names of what the running router has.',
    flags: {},
    takesOptions: false,
    words: ['bash', 'zsh', 'fish'],
    minPositionals: 1,
    maxPositionals: 1,
    run: async (args, io) => (await import('./commands/completion.ts')).completion(args, io),
  },
  {
    name: 'version',
    usage: '',
    summary: 'print the version',
    description: 'Of the program and of Node.js.',
    flags: { json: JSON_OUTPUT },
    takesOptions: false,
    minPositionals: 0,
    maxPositionals: 0,
    run: async (args, io) => (await import('./commands/version.ts')).version(args, io),
  },
];
