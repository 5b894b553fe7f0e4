import { expect, test } from 'vitest';
import type { SnapshotSections } from './snapshot.ts';
import { namesOf, PINNED_NAMES, pinnedPart, SECTION_NAMES } from './snapshot-sections.ts';

/** Empty but for an object in each section that is named after it. */
function sections(): SnapshotSections {
  return Object.fromEntries(SECTION_NAMES.map((name) => [name, { [name]: {} }])) as unknown as SnapshotSections; // Nobody looks into the objects.
}

test('the order of the sections stays', () => {
  expect(SECTION_NAMES).toEqual([
    'entryPoints',
    'routes',
    'middlewares',
    'services',
    'certificates',
    'tlsOptions',
    'tlsHosts',
    'tcpRoutes',
    'tcpMiddlewares',
    'tcpServices',
    'udpRoutes',
    'udpServices',
    'endpointSets',
  ]);
});

test('a pin holds everything but entry points and certificates', () => {
  const held = Object.keys(pinnedPart(sections()));
  expect(held).toEqual(PINNED_NAMES);
  expect(SECTION_NAMES.filter((name) => !held.includes(name))).toEqual(['entryPoints', 'certificates']);
});

test('routers and services are those of all protocols', () => {
  expect(namesOf(sections(), 'routers')).toEqual(['routes', 'tcpRoutes', 'udpRoutes']);
  expect(namesOf(sections(), 'services')).toEqual(['services', 'tcpServices', 'udpServices']);
  expect(namesOf({}, 'services')).toEqual([]);
});
