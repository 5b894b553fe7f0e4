// chain: a named list of middlewares. It exists in configuration only: compiling replaces it by its members.

import { list } from '../../schema/collection.ts';
import { required } from '../../schema/field.ts';
import { object } from '../../schema/object.ts';
import { string } from '../../schema/scalar.ts';
import { defineMiddleware } from './define.ts';

export const chain = defineMiddleware({
  kind: 'chain',
  summary: 'Gives a list of middlewares a name, so that routers can share it.',
  description:
    'Members run in the order of the list and may be chains themselves; a chain that contains itself is refused.',
  options: object({
    middlewares: required(list(string()), 'Names of the members, first to last.'),
  }),
  create: (_, { name }) => {
    throw new Error(`middleware ${name}: chains are replaced by their members before they get here`);
  },
});
