// Lists of what is configured, and one object of each by its name. Paths, parameters and shapes are Traefik's.

import { LISTED_PARTS, listedOf, type RoutingPart } from '../../controlplane/config/routing/object-kinds.ts';
import type { Pipeline } from '../../controlplane/pipeline/pipeline.ts';
import { listOf, type Answer } from '../answer.ts';
import * as answers from '../answers.ts';
import { configurationView } from '../configuration-view.ts';
import { internalEntryPoint } from '../internal-view.ts';
import { LIST_QUERY, listAnswer } from '../list-query.ts';
import { operation, refuse, say, type Operation } from '../operation.ts';
import type { ApiSources } from '../sources.ts';
import { pinHeader } from '../pin-header.ts';
import { entryPoint } from '../traefik-view.ts';
import { shownCertificates } from '../certificates.ts';

export function listOperations(sources: ApiSources): readonly Operation[] {
  const { pipeline, healthOf } = sources;
  const listsOf = (part: RoutingPart): readonly Operation[] =>
    listedOf(part).flatMap(([name, section]) =>
      listAndOne(pipeline, `/api/${part}/${name}`, `${part.toUpperCase()} ${name}`, answers.shownObject, () =>
        configurationView(pipeline, healthOf).list(section),
      ),
    );
  return [
    ...listAndOne(pipeline, '/api/entrypoints', 'entry points', answers.entryPoint, () => shownEntryPoints(sources)),
    ...listsOf('http'),
    ...listAndOne(pipeline, '/api/certificates', 'TLS certificates', answers.certificate, () =>
      shownCertificates(pipeline.result.keyedCertificates, sources.staples()),
    ),
    ...LISTED_PARTS.filter((part) => part !== 'http').flatMap(listsOf),
  ];
}

function shownEntryPoints({ install, internalPort, pipeline, ports }: ApiSources) {
  const internal = internalEntryPoint(install().admin, internalPort());
  return [
    ...Object.values(pipeline.current.entryPoints).map((spec) =>
      entryPoint(spec, ports().get(spec.name) ?? spec.address.port),
    ),
    ...(internal === null ? [] : [internal]),
  ];
}

function listAndOne<T extends { readonly name: string }>(
  pipeline: Pipeline,
  path: string,
  noun: string,
  item: Answer<T>,
  list: () => readonly NoInfer<T>[],
): readonly Operation[] {
  return [
    operation({
      method: 'GET',
      path,
      summary: `All ${noun}, a page at a time; the number of the next page is in X-Next-Page.`,
      query: LIST_QUERY,
      answer: listOf(item),
      handle: ({ query }) => {
        const answer = listAnswer(list(), query);
        return { ...answer, headers: { ...answer.headers, ...pinHeader(pipeline) } };
      },
    }),
    operation({
      method: 'GET',
      path: `${path}/{name}`,
      summary: `One of the ${noun}.`,
      answer: item,
      handle: ({ params }) => {
        const found = list().find((entry) => entry.name === params['name']);
        return found === undefined
          ? refuse(404, `there is none named "${params['name']}"`)
          : say(found, pinHeader(pipeline));
      },
    }),
  ];
}
