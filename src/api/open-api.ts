// The API's own description (OpenAPI 3.1), made from the table of its endpoints.

import * as answers from './answers.ts';
import type { Endpoint } from './endpoint.ts';

export function openApi(endpoints: readonly Endpoint[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const endpoint of endpoints) {
    const operations = (paths[endpoint.path] ??= {});
    operations[endpoint.method.toLowerCase()] = operation(endpoint);
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

function operation({ path, summary, query = {}, body, answer, stream }: Endpoint): object {
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
        content: { 'application/json': { schema: answers.message } },
      },
    },
  };
}
