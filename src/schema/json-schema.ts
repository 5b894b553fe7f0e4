// JSON Schema (draft 2020-12) of a configuration model, for editors: completion, hover texts and validation of YAML and
// JSON. It accepts what the decoder accepts, in canonical spelling; keys in another case work at run time, and an
// editor that marks them teaches the common form.

import type { Field, Fields, JsonSchema, Schema } from './schema.ts';

/** Any scalar with a substitution in it stands for a value of the type. */
const SUBSTITUTED = { type: 'string', pattern: '\\$\\{' };

export function jsonSchemaOf(schema: Schema<unknown>): JsonSchema {
  if (schema.fields !== null) return objectSchema(schema.fields);
  if (schema.item !== undefined) {
    return schema.itemSuffix === '[]'
      ? { anyOf: [{ type: 'array', items: jsonSchemaOf(schema.item) }, { type: ['string', 'number', 'boolean'] }] }
      : { type: ['object', 'null'], additionalProperties: jsonSchemaOf(schema.item) };
  }
  const { json } = schema;
  return json['type'] === 'string' ? json : { anyOf: [json, SUBSTITUTED] };
}

function objectSchema(fields: Fields): JsonSchema {
  const required = Object.keys(fields).filter((name) => fields[name]!.isRequired);
  return {
    // `true` stands for a section in which nothing is said.
    type: ['object', 'boolean', 'null'],
    properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fieldSchema(field)])),
    additionalProperties: false,
    ...(required.length > 0 ? { required } : {}),
  };
}

function fieldSchema(field: Field<unknown>): JsonSchema {
  if (field.later !== null) return { description: `Not supported yet. ${field.doc}` };
  const { fallback } = field;
  const isPlain = typeof fallback === 'string' || typeof fallback === 'boolean' || typeof fallback === 'number';
  // Durations are decoded to milliseconds, which is not how they are written.
  const shown = isPlain && fallback !== '' && field.schema.label !== 'duration' ? { default: fallback } : {};
  return { description: field.doc, ...shown, ...jsonSchemaOf(field.schema) };
}
