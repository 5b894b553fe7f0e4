// `signalbox explain URL`: the running router's word on where a request goes.

import type { ExplainedRouter, Explanation } from '../../controlplane/pipeline/explain/explain.ts';
import { AdminClient } from '../admin-client.ts';
import type { Arguments } from '../arguments.ts';
import { EXIT_FAILED, EXIT_OK, type Io } from '../io.ts';

export async function explain(args: Arguments, io: Io): Promise<number> {
  const [given = ''] = args.positionals;
  // What begins with one slash is a path, for any host.
  const query = new URLSearchParams({ url: /^[a-z]+:\/\/|^\//i.test(given) ? given : `http://${given}` });
  const pass = (flag: string, parameter: string): void => {
    for (const value of args.flags.get(flag) ?? []) query.append(parameter, value);
  };
  pass('method', 'method');
  pass('header', 'header');
  pass('entryPoint', 'entryPoint');
  pass('client-ip', 'clientIp');
  const client = await AdminClient.find(args, io);
  const answer = await client.json<Explanation>('GET', `/api/explain?${query.toString()}`);
  io.out(args.flags.has('json') ? `${JSON.stringify(answer, null, 2)}\n` : describe(answer));
  return answer.router === null ? EXIT_FAILED : EXIT_OK;
}

function describe({
  request,
  entryPoint,
  router,
  disabled,
  tcpRouter,
  chain,
  taken,
  others,
  notes,
}: Explanation): string {
  const query = request.query === '' ? '' : `?${request.query}`;
  const lines = [`${request.method} ${request.host}${request.path}${query} on ${entryPoint}`];
  if (tcpRouter !== null) lines.push(`the TCP router ${tcpRouter} takes its connection`);
  else if (disabled !== null) lines.push(`${disabled.router} is disabled: it is answered ${disabled.status}`);
  else if (router === null) lines.push('no router takes it: it is answered 404');
  else {
    lines.push(`taken by ${router}`, '');
    for (const { kind, name, detail } of chain) {
      lines.push(`  ${kind.padEnd(11)} ${name}${detail === undefined ? '' : `  (${detail})`}`);
    }
  }
  for (const one of taken) lines.push('', ...routerLines(one));
  if (others.length > 0) lines.push('', 'not taken by:');
  for (const one of others) lines.push('', ...routerLines(one));
  if (notes.length > 0) lines.push('', ...notes.map((note) => `note: ${note}`));
  return `${lines.join('\n')}\n`;
}

function routerLines({ router, rule, priority, matchers, why }: ExplainedRouter): string[] {
  return [
    `${router}  priority ${priority}  ${rule}`,
    ...matchers.map(({ matcher, isTrue, found }) => `    ${isTrue ? 'true ' : 'false'} ${matcher}: ${found}`),
    `    ${why}`,
  ];
}
