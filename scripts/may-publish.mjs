// Refuses `npm publish` while package.json names no place of its own: what people read on the registry would lead
// nowhere, or to somebody else. Usage: npm publish runs it.
import { readFileSync } from 'node:fs';

const { homepage, repository, bugs } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
for (const [option, address] of Object.entries({ homepage, 'repository.url': repository.url, 'bugs.url': bugs.url })) {
  if (!address.includes('//signalbox.example/')) continue;
  console.error(
    `package.json: ${option}: expected the public address of the project, found the placeholder "${address}"; ` +
      'write where the repository is published',
  );
  process.exitCode = 1;
}
