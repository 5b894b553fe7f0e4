// The API's own description (OpenAPI 3.1), made from the table of its operations.

import * as answers from './answers.ts';
import type { Operation } from './operation.ts';

export function openApi(operations: readonly Operation[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const one of operations) {
    const methods = (paths[one.path] ??= {});
    methods[one.method.toLowerCase()] = described(one);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Signalbox',
      version,
      description: 'What the router does, why, and how to change it. Served on the internal entry point.',
    },
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    paths,
  };
}

function described({ path, summary, query = {}, body, answer, stream }: Operation): object {
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map((match) => ({
      name: match[1]!,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...Object.entries(query).map(([name, description]) => ({
      name,
      in: 'query',
      description,
      schema: { type: 'string' },
    })),
  ];
  const type = stream === undefined ? 'application/json' : 'text/event-stream';
  return {
    summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            description: body.doc,
            content: Object.fromEntries(body.types.map((one) => [one, {}])),
          },
        }),
    responses: {
      200: { description: 'As asked.', content: { [type]: { schema: answer } } },
      default: {
        description: 'What is wrong with the request.',
        content: { 'application/json': { schema: answers.message.schema } },
      },
    },
  };
}
