// The version, read from the package this program is part of.

import { readFileSync } from 'node:fs';

const manifest = new URL('../../package.json', import.meta.url);

export const VERSION = String((JSON.parse(readFileSync(manifest, 'utf8')) as { version: unknown }).version); // Our own file.
