// What a workload says: which objects it claims, which endpoint it is of which service, and what is to be said of its
// labels. What depends on the labels alone is read once for all workloads with the same.

import type { Diagnostic } from '../../../model/diagnostic.ts';
import { newTree, putAt } from '../../../schema/set-at.ts';
import { isMap } from '../../../schema/input.ts';
import type { ObjectSection } from '../../config/routing/object-kinds.ts';
import type { ProvidedEndpoint, ServiceSection } from '../../config/routing/provided-endpoints.ts';
import type { DecodeDocument } from '../define.ts';
import { implied, withOptions, type Definition } from './implied-objects.ts';
import { labelObjects, pathOf, type LabelObject, type LabelProblem, type WorkloadServer } from './label-objects.ts';
import { labelPlace, locateLabel } from './label-place.ts';
import { normalizeName } from './name-form.ts';
import {
  hasOwnLabels,
  MAX_SCHEME_LABELS,
  ownLabels,
  readSwitch,
  schemeLabels,
  type SchemeLabels,
} from './scheme-labels.ts';
import { schemeProblems } from './scheme-problems.ts';
import { isSameAddress, serverEndpoint, type AskedAddress } from './server-endpoint.ts';
import type { LabelSettings } from './label-options.ts';
import type { Workload } from './workload.ts';

export interface ServiceEndpoint {
  readonly section: ServiceSection;
  readonly service: string;
  readonly endpoint: ProvidedEndpoint;
}

export interface Reading {
  readonly objects: readonly LabelObject[];
  /** Of one service each. */
  readonly endpoints: readonly ServiceEndpoint[];
  readonly notes: readonly Diagnostic[];
  /** Why it gets nothing, or not all that it could; empty where all is well. */
  readonly reasons: readonly string[];
  /** Where it was found to be reached. */
  readonly asked: readonly AskedAddress[];
}

/** Of one service name as many that differ are known, the newest. */
const MAX_KNOWN = 4;

interface ReadLabels {
  readonly own: ReadonlyMap<string, string>;
  readonly labels: SchemeLabels;
  readonly definition: Definition;
  /** Of these labels, whichever workload has them. */
  readonly problems: readonly LabelProblem[];
  /** Routers with the rule that they have got. */
  readonly ruled: Map<string, LabelObject>;
  lastUse: number;
}

export class WorkloadReader {
  readonly #settings: LabelSettings;
  readonly #decode: DecodeDocument;
  /** By the name of the service, which replicas share. */
  readonly #known = new Map<string, readonly ReadLabels[]>();
  #turn = 0;

  constructor(settings: LabelSettings, decode: DecodeDocument) {
    this.#settings = settings;
    this.#decode = decode;
  }

  /** Labels that nobody has had since the last call are forgotten. */
  forgetUnused(): void {
    for (const [serviceName, known] of this.#known) {
      if (known.every(({ lastUse }) => lastUse < this.#turn)) this.#known.delete(serviceName);
    }
    this.#turn++;
  }

  read(workload: Workload): Reading {
    const known = this.#labelsOf(workload);
    if (known === null) return this.#tooMany(workload);
    const { labels, definition } = known;
    const excluded = this.#exclusion(workload, labels);
    if (excluded !== null) return { objects: [], endpoints: [], asked: [], ...excluded };
    const objects = [...definition.objects];
    const endpoints: ServiceEndpoint[] = [];
    const reading: OpenReading = {
      workload,
      objects,
      endpoints,
      notes: this.#notes(workload, known),
      asked: [],
      reasons: workload.state === 'unavailable' ? [workload.stateReason] : [],
    };
    for (const router of definition.ruleless) this.#addRuled(router, known, reading);
    for (const server of definition.servers) this.#addServer(server, known, reading);
    const { notes, reasons, asked } = reading;
    return { objects, endpoints, notes, asked, reasons: reasons.length < 2 ? reasons : [...new Set(reasons)] };
  }

  #labelsOf({ labels, serviceName }: Workload): ReadLabels | null {
    const known = this.#known.get(serviceName) ?? [];
    const found = known.find(({ own }) => hasOwnLabels(labels, own));
    if (found !== undefined) {
      found.lastUse = this.#turn;
      return found;
    }
    const own = ownLabels(labels);
    const scheme = schemeLabels(own);
    if (scheme === null) return null;
    const definition = implied(labelObjects(scheme), normalizeName(serviceName), scheme.prefix);
    const problems = [...schemeProblems(scheme, this.#settings), ...definition.problems];
    const read: ReadLabels = { own, labels: scheme, definition, problems, ruled: new Map(), lastUse: this.#turn };
    this.#known.set(serviceName, [read, ...known.slice(0, MAX_KNOWN - 1)]);
    return read;
  }

  #tooMany({ place }: Workload): Reading {
    const message = `there are more than ${MAX_SCHEME_LABELS} labels, and none of them is read`;
    const note: Diagnostic = {
      severity: 'error',
      code: 'document-too-complex',
      message,
      source: place,
      path: '',
      line: 0,
      column: 0,
    };
    return { objects: [], endpoints: [], notes: [note], reasons: ['too many labels'], asked: [] };
  }

  /** Why nothing of the workload counts; null where it does. */
  #exclusion(workload: Workload, { byName }: SchemeLabels): Pick<Reading, 'notes' | 'reasons'> | null {
    const { exposedByDefault, constraints, allowEmptyServices } = this.#settings;
    const because = (reason: string, ...notes: readonly Diagnostic[]) => ({ notes, reasons: [reason] });
    const enable = byName.get('enable');
    if (enable === undefined && !exposedByDefault) {
      return because('not exposed: exposedByDefault is false and no label says enable=true');
    }
    const isEnabled = enable === undefined || readSwitch(enable.value);
    if (isEnabled === null) {
      const message = `expected true or false, found "${enable!.value.slice(0, 60)}"; until it is one of them, it is taken for false`;
      const at = { path: 'enable', ...labelPlace(workload.place, enable!) };
      return because(`${enable!.label} is neither true nor false`, {
        severity: 'error',
        code: 'wrong-type',
        message,
        ...at,
      });
    }
    if (!isEnabled) return because(`disabled by ${enable!.label}=${enable!.value}`);
    if (constraints?.matches(workload) === false) return because('the constraints are not met');
    const isOut = workload.state === 'unavailable' && !allowEmptyServices && workload.isKept !== true;
    return isOut ? because(workload.stateReason) : null;
  }

  #addRuled(router: LabelObject, known: ReadLabels, reading: OpenReading): boolean {
    const { workload } = reading;
    const { name, given } = router;
    const rendered = this.#settings.defaultRule.render(workload.variables, workload.labels);
    if ('problem' in rendered) {
      const message = `the default rule says nothing for the router "${name}": ${rendered.problem}; write the label ${known.labels.prefix}${pathOf('routers', name)}.rule, or change providers.${this.#settings.kind}.defaultRule`;
      reading.notes.push(
        note(workload, {
          severity: 'error',
          code: 'no-rule',
          message,
          path: pathOf('routers', name),
          label: router.labels[0]?.label ?? null,
        }),
      );
      reading.reasons.push('no rule');
      return false;
    }
    const key = `${name}\0${rendered.text}`;
    const ruled = known.ruled.get(key) ?? withOptions(router, { ...(isMap(given) ? given : {}), rule: rendered.text });
    known.ruled.set(key, ruled);
    reading.objects.push(ruled);
    return true;
  }

  #addServer(server: WorkloadServer, known: ReadLabels, reading: OpenReading): void {
    const { workload } = reading;
    const { addressed } = known.definition;
    const { labels } = known;
    const isImplied = addressed?.service.name === server.service && server.section === addressed.service.section;
    const addImplied = (): void => {
      if (!isImplied) return;
      if (addressed.router === null || this.#addRuled(addressed.router, known, reading))
        reading.objects.push(addressed.service);
    };
    // What is wrong with them has been said.
    if (server.settings === null) {
      reading.reasons.push(`the labels of the service "${server.service}" have errors`);
      return;
    }
    if (workload.state === 'unavailable') return addImplied();
    const network = this.#networkOf(labels);
    const found = serverEndpoint(
      { server, settings: server.settings, workload, network, prefix: labels.prefix },
      reading.asked,
    );
    if ('endpoint' in found) {
      reading.endpoints.push({ section: server.section, service: server.service, endpoint: found.endpoint });
      return addImplied();
    }
    const isSpare = isImplied && addressed.router === null;
    if (!isSpare) reading.reasons.push(found.reason);
    // Of what nobody has asked for by a label there is nothing to say.
    if (isSpare || (isImplied && labels.byName.size === 0)) return;
    const path = `${pathOf(server.section, server.service)}.${server.row.kind}`;
    reading.notes.push(
      note(workload, {
        severity: 'error',
        code: found.code,
        message: found.message,
        path,
        label: server.labels[0]?.label ?? null,
      }),
    );
  }

  #networkOf({ byName }: SchemeLabels): string {
    return (byName.get(`${this.#settings.kind.toLowerCase()}.network`) ?? byName.get('docker.network'))?.value ?? '';
  }

  #notes(workload: Workload, { problems, definition }: ReadLabels): Diagnostic[] {
    return [...problems.map((problem) => note(workload, problem)), ...this.#unknownParts(workload, definition)];
  }

  /** What is said of a document with these alone. */
  #unknownParts({ place }: Workload, { unknown }: Definition): readonly Diagnostic[] {
    if (unknown.length === 0) return [];
    const value = newTree();
    for (const { path, label } of unknown) putAt(value, path, label.value);
    const document = { source: place, text: '', value, diagnostics: [], locate: locateLabel(place, unknown) };
    return this.#decode(document).diagnostics;
  }
}

interface OpenReading {
  readonly workload: Workload;
  readonly objects: LabelObject[];
  readonly endpoints: ServiceEndpoint[];
  readonly notes: Diagnostic[];
  readonly reasons: string[];
  readonly asked: AskedAddress[];
}

function note({ place }: Workload, { label, ...problem }: LabelProblem): Diagnostic {
  const at = label === null ? { source: place, line: 0, column: 0 } : labelPlace(place, label);
  return { ...problem, ...at };
}

/** It says what the other one said, but for where it is reached. */
export function isSameWorkload(a: Workload, b: Workload): boolean {
  return (
    a.place === b.place &&
    a.serviceName === b.serviceName &&
    a.createdMs === b.createdMs &&
    a.state === b.state &&
    a.stateReason === b.stateReason &&
    a.zone === b.zone &&
    a.isKept === b.isKept &&
    a.ports.length === b.ports.length &&
    a.ports.every(
      ({ port, protocol }, index) => b.ports[index]!.port === port && b.ports[index]!.protocol === protocol,
    ) &&
    isSameMap(a.variables, b.variables) &&
    isSameMap(a.labels, b.labels)
  );
}

function isSameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  if (a === b) return true;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** The workload, which says the same as that of the reading, is still reached where it was. */
export function isSameReading({ asked }: Reading, workload: Workload): boolean {
  return asked.every(({ port, network, answer }) => isSameAddress(workload.addressOf(port, network), answer));
}

/** How claims of an object are known. */
export function objectKey(section: ObjectSection, name: string): string {
  return `${section} ${name}`;
}
