// Every generated file of the repository, by path, in the form it is checked in.

import { renderInputTypes } from './input-types.ts';
import { renderJsonSchemas } from './json-schemas.ts';
import { renderMigrationPage } from './migration-page.ts';
import { renderPictures } from './pictures.ts';
import { renderReference } from './reference-pages.ts';

export async function renderGenerated(): Promise<Readonly<Record<string, string>>> {
  const below = (folder: string, files: Readonly<Record<string, string>>): [string, string][] =>
    Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]);
  return Object.fromEntries([
    ...below('docs/reference', await renderReference()),
    ...below('docs/pictures', renderPictures()),
    ...below('schema', renderJsonSchemas()),
    ['docs/migrate-from-traefik.md', renderMigrationPage()],
    ['src/app/input-types.ts', renderInputTypes()],
  ]);
}
