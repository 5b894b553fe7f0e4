// A container as a workload: what it is called, whether it gets requests and why not, and where its ports are.

import { normalizeName } from '../labels/name-form.ts';
import type { Workload, WorkloadState } from '../labels/workload.ts';
import { addressOf, type Addressing } from './container-address.ts';
import { isKeptWhileStopped } from './container-events.ts';
import type { Container } from './container.ts';

export function workloadOf(container: Container, isStopping: boolean, addressing: Addressing): Workload {
  const { id, name, labels, createdMs, ports } = container;
  const serviceName = serviceNameOf(container);
  return {
    id,
    place: `container ${name}`,
    serviceName,
    variables: { Name: normalizeName(serviceName), ContainerName: name },
    labels,
    createdMs,
    ...stateOf(container, isStopping),
    isKept: isKeptWhileStopped(labels),
    ports,
    addressOf: (port, network) => addressOf(container, port, network, addressing),
    zone: '',
  };
}

/** Containers of one service of a compose file are one service. */
function serviceNameOf({ name, labels }: Container): string {
  const service = labels['com.docker.compose.service'];
  const project = labels['com.docker.compose.project'];
  return service === undefined || project === undefined ? name : `${service}_${project}`;
}

/** `docker stop` gives a process time to end what it has begun: it is there and wants nothing new. */
function stateOf(
  container: Container,
  isStopping: boolean,
): { readonly state: WorkloadState; readonly stateReason: string } {
  const { status, health, exitCode } = container;
  switch (status) {
    case 'running':
      if (health === 'starting') return unavailable('its health check has not succeeded yet');
      if (health === 'unhealthy') return unavailable('its health check fails');
      return isStopping
        ? { state: 'draining', stateReason: 'it is being stopped' }
        : { state: 'ready', stateReason: '' };
    case 'paused':
      return unavailable('it is paused');
    case 'restarting':
      return unavailable(`it has ended with ${exitCode} and is started again`);
    case 'created':
      return unavailable('it has not been started');
    case 'exited':
    case 'dead':
    case 'removing':
      return unavailable(`it does not run; its last run has ended with ${exitCode}`);
  }
}

function unavailable(stateReason: string): { readonly state: WorkloadState; readonly stateReason: string } {
  return { state: 'unavailable', stateReason };
}
