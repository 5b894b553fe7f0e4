// The options of a file that holds everything: install configuration with the routing sections beside it. For those who
// walk over what was written; each section has a decoder of its own.

import { list, record } from '../../../schema/collection.ts';
import { optional } from '../../../schema/field.ts';
import { object } from '../../../schema/object.ts';
import type { Field, Schema } from '../../../schema/schema.ts';
import { installOptions } from './install-options.ts';
import { OBJECT_KINDS, ROUTING_PARTS, sectionsOf, type RoutingPart } from '../routing/object-kinds.ts';

function partField(part: RoutingPart): Field<unknown> {
  const fields = sectionsOf(part).map(([name, section]) => {
    const { options, isList } = OBJECT_KINDS[section];
    return [name, optional<unknown>(isList === true ? list<unknown>(options) : record<unknown>(options), '')] as const;
  });
  return optional(object(Object.fromEntries(fields)), '');
}

export const WHOLE_FILE: Schema<unknown> = {
  ...installOptions,
  fields: { ...installOptions.fields, ...Object.fromEntries(ROUTING_PARTS.map((part) => [part, partField(part)])) },
};
