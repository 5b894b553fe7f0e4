// What stands beside a file of nginx, or a Caddyfile, does here what is written under it.

import { expect, test } from 'vitest';
import { sectionsOfPage } from './support/page.ts';
import { testRecipes } from './support/recipes.ts';

const NGINX = sectionsOfPage('from-nginx.md', 3);
const CADDY = sectionsOfPage('from-caddy.md', 3);

testRecipes([...NGINX, ...CADDY]);

test('each stands beside the file of the other program', () => {
  for (const [recipes, language] of [
    [NGINX, 'nginx'],
    [CADDY, 'caddyfile'],
  ] as const) {
    expect(recipes.length).toBeGreaterThan(5);
    for (const { title, blocks } of recipes) expect([title, blocks[0]!.language]).toEqual([title, language]);
  }
});
