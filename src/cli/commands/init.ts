// `signalbox init`: a configuration to begin with, which runs as it is and says what each part is for.

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { SignalboxError } from '../../core/errors.ts';
import { installFileCandidates } from '../../controlplane/config/install/install-file.ts';
import type { Arguments } from '../arguments.ts';
import { EXIT_OK, type Io } from '../io.ts';

const NAME = 'signalbox.yml';

export async function init(args: Arguments, io: Io): Promise<number> {
  const given = args.positionals[0] ?? NAME;
  const path = resolve(given);
  if (!['.yml', '.yaml'].includes(extname(path))) {
    throw usage(`what is written is YAML: end the name of the file in .yml, as in "signalbox init ${given}.yml"`);
  }
  if (!existsSync(dirname(path))) throw usage(`there is no directory ${dirname(path)}; make it, or name another file`);
  try {
    await writeFile(path, STARTER, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'EEXIST') {
      throw usage(`${given} is there already, and stays as it is; name another file, as in "signalbox init other.yml"`);
    }
    throw usage(`${given} cannot be written (${code}); name a file in a directory of yours`);
  }
  // Files elsewhere are looked for first.
  const isFound = resolve(installFileCandidates(io.environment).find((one) => existsSync(one)) ?? '') === path;
  const steps = [
    [isFound ? 'signalbox run' : `signalbox run --config ${given}`, 'starts it'],
    [isFound ? 'signalbox check' : `signalbox check ${given}`, 'says what is wrong with it, after a change'],
    ['signalbox trust', 'makes browsers believe its certificate'],
  ] as const;
  const width = Math.max(...steps.map(([command]) => command.length));
  const lines = steps.map(([command, meaning]) => `  ${command.padEnd(width)}  ${meaning}\n`);
  io.out(`${given} is written: it sends https://app.localhost:8443 to a server on port 3000.\n\n${lines.join('')}`);
  return EXIT_OK;
}

function usage(message: string): SignalboxError {
  return new SignalboxError('ERR_CLI_USAGE', `init: ${message}`);
}

const STARTER = `# A router for one server on this machine. "signalbox run" starts it, Ctrl-C ends it, "signalbox check" looks for mistakes.
# What stands here under http takes effect when the file is saved; for most of the rest the router is started anew.

# Entry points: where clients come in.
entryPoints:
  web:
    address: ":8000" # ":80" where that is allowed
    http:
      redirections: # everything to HTTPS
        entryPoint:
          to: websecure
          permanent: false
  websecure:
    address: ":8443" # ":443" where that is allowed
    http:
      tls: {} # names below localhost have a certificate of this machine: "signalbox trust"

http:
  # Routers: which requests go where. The rule decides.
  routers:
    app:
      rule: Host(\`app.localhost\`) # or Host(\`app.localhost\`) && PathPrefix(\`/api\`)
      entryPoints: [websecure]
      middlewares: [safe]
      service: app

  # Services: the servers behind.
  services:
    app:
      loadBalancer:
        servers:
          - url: http://127.0.0.1:3000 # your server; more of them share the requests

  # Middlewares: what happens on the way. A router lists those it wants.
  middlewares:
    safe:
      headers:
        contentTypeNosniff: true
    # To ask for a password: make the line with "signalbox hash-password ada", and add "login" to the router's middlewares.
    # login:
    #   basicAuth:
    #     users:
    #       - ada:$2y$10$...

# A line for each request, on standard output.
accessLog: {}

# What the router says of itself, on standard error: DEBUG, INFO, WARN or ERROR.
log:
  level: INFO

# The API, for "signalbox get routers", "signalbox explain URL" and http://127.0.0.1:8080/dashboard/. On this machine alone.
api: {}
`;
