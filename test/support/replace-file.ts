// A file that changes in one step, as editors and orchestrators change it: nobody reads half of it, or none, however
// long the machine takes between two steps.

import { rename, writeFile } from 'node:fs/promises';

export async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.next`, text);
  await rename(`${path}.next`, path);
}
