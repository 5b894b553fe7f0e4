// Each recipe of the cookbook is what its reader would copy.

import { expect, test } from 'vitest';
import { sectionsOfPage } from './support/page.ts';
import { testRecipes } from './support/recipes.ts';

const RECIPES = sectionsOfPage('cookbook.md', 3);

testRecipes(RECIPES);

test('there are recipes for what people look for', () => {
  expect(RECIPES.length).toBeGreaterThanOrEqual(25);
});
