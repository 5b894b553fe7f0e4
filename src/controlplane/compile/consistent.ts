// Whether a snapshot holds together: every name in it is that of an object in it. Compiling sees to it; what does not
// hold together all the same, by a defect or an old snapshot on the entry points of today, would end every worker that
// builds from it, one after the other.

import type { EndpointProtocol } from '../../model/endpoint-set.ts';
import { secretNames, type Secrets } from '../../model/secrets.ts';
import type { SnapshotSections } from '../../model/snapshot.ts';
import { childrenOf } from '../../model/service.ts';

/** Who names what is not there: `the router a@file names the service b@file`. Linear in the size of the snapshot. */
export function danglingNames(sections: SnapshotSections, secrets: Secrets): readonly string[] {
  const dangling: string[] = [];
  const check = (
    who: string,
    what: string,
    section: Readonly<Record<string, unknown>>,
    names: readonly string[],
  ): void => {
    for (const name of names) if (!Object.hasOwn(section, name)) dangling.push(`${who} names the ${what} ${name}`);
  };
  const checkSet = (who: string, name: string, protocol: EndpointProtocol): void => {
    const set = Object.hasOwn(sections.endpointSets, name) ? sections.endpointSets[name] : undefined;
    if (set?.protocol !== protocol) dangling.push(`${who} names the set of ${protocol} endpoints ${name}`);
  };
  const { middlewares, services, tcpMiddlewares, tcpServices, udpServices } = sections;
  check('the snapshot', 'secret', secrets, secretNames(sections));
  for (const spec of Object.values(sections.entryPoints)) {
    check(`the entry point ${spec.name}`, 'middleware', middlewares, spec.middlewares);
  }
  for (const route of Object.values(sections.routes)) {
    // What cannot be served answers before any of its stages.
    if (route.disabledStatus > 0) continue;
    check(`the router ${route.name}`, 'middleware', middlewares, route.middlewares);
    if (route.service !== '') check(`the router ${route.name}`, 'service', services, [route.service]);
  }
  for (const service of Object.values(services)) {
    check(`the service ${service.name}`, 'service', services, usable(childrenOf(service)));
    if (service.kind === 'loadBalancer') {
      checkSet(`the service ${service.name}`, service.endpointSet, 'http');
      check(`the service ${service.name}`, 'middleware', middlewares, service.middlewares);
    }
  }
  for (const route of Object.values(sections.tcpRoutes)) {
    check(`the TCP router ${route.name}`, 'TCP middleware', tcpMiddlewares, route.middlewares);
    if (!route.isDisabled) check(`the TCP router ${route.name}`, 'TCP service', tcpServices, [route.service]);
  }
  for (const service of Object.values(tcpServices)) {
    const who = `the TCP service ${service.name}`;
    if ('children' in service) check(who, 'TCP service', tcpServices, usable(service.children));
    else checkSet(who, service.endpointSet, 'tcp');
  }
  for (const route of Object.values(sections.udpRoutes)) {
    if (!route.isDisabled) check(`the UDP router ${route.name}`, 'UDP service', udpServices, [route.service]);
  }
  for (const service of Object.values(udpServices)) {
    const who = `the UDP service ${service.name}`;
    if ('children' in service) check(who, 'UDP service', udpServices, usable(service.children));
    else checkSet(who, service.endpointSet, 'udp');
  }
  return dangling;
}

/** A share that cannot be served is answered without its service. */
function usable(children: ReturnType<typeof childrenOf>): readonly string[] {
  return children.filter(({ disabledStatus }) => disabledStatus === undefined).map(({ service }) => service);
}
