// What is wrong with the configuration of a running router is in its log, in the log's format.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startRouter, type RouterProcess } from '../support/router.ts';

const ROUTING = 'http: { routers: { bad: { rule: "Hots(`a`)", service: nobody } } }\n';

function install(log: string): string {
  return `entryPoints: { web: { address: "127.0.0.1:0" } }
providers: { providersThrottleDuration: 1ms, file: { filename: DIR/routing.yml } }
log: ${log}
acessLog: {}
`.replace('acessLog: {}\n', 'api: { debug: true }\nping: { entryPoint: none }\n');
}

/** Everything but what is said once all is served: where, and how much. */
function logLines(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !/^(?: {2}\S+ +\w+:\/\/|\d+ (?:of \d+ )?routers?,|Every request)/.test(line));
}

async function breakIt(router: RouterProcess): Promise<void> {
  await writeFile(join(router.directory, 'routing.yml'), ROUTING.replace('Hots', 'Pth'));
}

test('as JSON, from the first line on', async () => {
  await using router = await startRouter({ install: install('{ format: json }'), files: { 'routing.yml': ROUTING } });
  await breakIt(router);
  await router.sees(/did you mean \\"Path/);
  const records = logLines(router.stderr()).map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(records).toContainEqual(expect.objectContaining({ level: 'warn', code: 'dangling-reference', path: 'ping.entryPoint' }));
  expect(records).toContainEqual(
    expect.objectContaining({ level: 'error', code: 'rule-syntax', path: 'http.routers.bad.rule', at: expect.stringMatching(/routing\.yml:1:\d+$/) as string }),
  );
}); // prettier-ignore

test('in the file of the log', async () => {
  await using router = await startRouter({ install: install('{ filePath: DIR/signalbox.log }'), files: { 'routing.yml': ROUTING } });
  expect(router.stderr()).toContain('did you mean "Host"');
  await breakIt(router);
  const path = join(router.directory, 'signalbox.log');
  const log = async (): Promise<string> => readFile(path, 'utf8');
  await expect.poll(log).toMatch(/ERROR .*did you mean "Path".* at=\S+routing\.yml:1:\d+ path=http\.routers\.bad\.rule code=rule-syntax\n/);
  expect(await log()).toMatch(/ERROR .*did you mean "Host"/);
  expect(router.stderr()).not.toContain('"Path"');
}); // prettier-ignore

test('as text, a line for each once the router runs; at start as people read it', async () => {
  await using router = await startRouter({ install: install('{}'), files: { 'routing.yml': ROUTING } });
  expect(router.stderr()).toMatch(/error {3}\S+routing\.yml:1:\d+ {2}http\.routers\.bad\.rule\n {8}\S/);
  await breakIt(router);
  await router.sees(/\nERROR|ERROR .*did you mean "Path".* at=\S+routing\.yml:1:\d+/);
});
