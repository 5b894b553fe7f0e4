// What becomes of a request, asked without sending it.

import { explain } from '../../controlplane/pipeline/explain/explain.ts';
import { explainKnowledge } from '../../controlplane/pipeline/explain/knowledge.ts';
import type { AnswerOf } from '../answer.ts';
import * as answers from '../answers.ts';
import { operation, refuse, say, type ApiAnswer, type Operation } from '../operation.ts';
import type { ApiSources } from '../sources.ts';

export function explainOperation(sources: ApiSources): Operation {
  return operation({
    method: 'GET',
    path: '/api/explain',
    summary: 'Which router takes a request, the way it goes, and why those that come near do not.',
    query: {
      url: 'The whole URL, as in `http://example.com/path?a=b`.',
      method: 'GET when left out.',
      header: '`Name: value`; may be given several times.',
      clientIp: 'Address of the client, 127.0.0.1 when left out.',
      entryPoint: 'When left out, the one whose port the URL names, or the only one.',
    },
    answer: answers.explanation,
    handle: ({ query }) => explanationOf(query, sources),
  });
}

function explanationOf(
  query: URLSearchParams,
  { pipeline, ports, healthOf }: ApiSources,
): ApiAnswer<AnswerOf<typeof answers.explanation>> {
  const url = query.get('url');
  if (url === null) return refuse(400, 'url is required, as in ?url=http://example.com/path');
  const headers = new Map<string, string[]>();
  for (const line of query.getAll('header')) {
    const colon = line.indexOf(':');
    if (colon < 1) return refuse(400, `header: "${line}" is not of the form "Name: value"`);
    const name = line.slice(0, colon).trim().toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  const { pin } = pipeline;
  const newest = explainKnowledge(pipeline.result, ports(), healthOf);
  // Of what is pinned nobody knows any more what could not be served.
  const knowledge = pin === null ? newest : { ...newest, causeOf: () => null, unplaced: [] };
  const answer = explain(pipeline.current, knowledge, {
    method: query.get('method') ?? 'GET',
    url,
    headers,
    clientIp: query.get('clientIp') ?? '127.0.0.1',
    entryPoint: query.get('entryPoint'),
  });
  if (typeof answer === 'string') return refuse(400, answer);
  return say(pin === null ? answer : { ...answer, notes: [pin.text, ...answer.notes] });
}
