// What is said when requests are served: how much of what people wrote is in force, and what clients of each entry
// point speak.

import { isOverTls } from '../model/route.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { CompileResult } from '../controlplane/compile/compile.ts';
import { INTERNAL_PROVIDER } from '../controlplane/config/install/internal-routing.ts';

type Written = Iterable<{ readonly provider: string; readonly errors: readonly string[] }>;

interface Amount {
  readonly all: number;
  readonly inForce: number;
}

export type Scheme = 'http' | 'https' | 'tcp' | 'udp';

export interface Summary {
  readonly routers: Amount;
  readonly tcpRouters: Amount;
  readonly udpRouters: Amount;
  readonly services: Amount;
  readonly middlewares: Amount;
  /** Some are shown the self-signed certificate of last resort, since there is no other and none is ordered. */
  readonly isSelfSigned: boolean;
  readonly schemeOf: (entryPoint: string) => Scheme;
}

type Summarized = Pick<CompileResult, 'wantedCertificates' | 'routers' | 'services' | 'middlewares'> &
  Pick<CompileResult, 'tcpRouters' | 'tcpServices' | 'tcpMiddlewares' | 'udpRouters' | 'udpServices'>;

export function summaryOf(
  result: Summarized,
  snapshot: Pick<Snapshot, 'entryPoints' | 'routes' | 'tcpRoutes' | 'certificates'>,
): Summary {
  return {
    routers: amountOf(result.routers.values()),
    tcpRouters: amountOf(result.tcpRouters.values()),
    udpRouters: amountOf(result.udpRouters.values()),
    services: amountOf(result.services.values(), result.tcpServices.values(), result.udpServices.values()),
    middlewares: amountOf(result.middlewares.values(), result.tcpMiddlewares.values()),
    isSelfSigned:
      Object.keys(snapshot.certificates).length === 0 &&
      result.wantedCertificates.length === 0 &&
      Object.keys(snapshot.entryPoints).some((name) => schemeOf(name, snapshot) === 'https'),
    schemeOf: (entryPoint) => schemeOf(entryPoint, snapshot),
  };
}

/** Of what people wrote. */
function amountOf(...kinds: readonly Written[]): Amount {
  const written = kinds.flatMap((kind) => [...kind]).filter(({ provider }) => provider !== INTERNAL_PROVIDER);
  return { all: written.length, inForce: written.filter(({ errors }) => errors.length === 0).length };
}

/** As far as its routers tell; of an entry point that takes both plain requests and those over TLS, plain ones. */
function schemeOf(
  name: string,
  { entryPoints, routes, tcpRoutes }: Pick<Snapshot, 'entryPoints' | 'routes' | 'tcpRoutes'>,
): Scheme {
  const entryPoint = entryPoints[name];
  if (entryPoint?.address.protocol === 'udp') return 'udp';
  const isOn = (route: { readonly entryPoints: readonly string[] }): boolean => route.entryPoints.includes(name);
  const here = Object.values(routes).filter(isOn);
  if (here.length === 0 && Object.values(tcpRoutes).some(isOn)) return 'tcp';
  if (entryPoint === undefined) return 'http';
  const isSecure = here.length === 0 ? entryPoint.tls !== null : here.every((route) => isOverTls(route, entryPoint));
  return isSecure ? 'https' : 'http';
}

/** `2 of 5 routers, 1 TCP, 1 UDP (3 disabled), 2 services, 0 middlewares`. */
export function summaryLine({ routers, tcpRouters, udpRouters, services, middlewares }: Summary): string {
  const transports = [
    { amount: tcpRouters, noun: 'TCP' },
    { amount: udpRouters, noun: 'UDP' },
  ].filter(({ amount }) => amount.all > 0);
  const all = [counted(routers, 'router'), ...transports.map(({ amount, noun }) => `${shown(amount)} ${noun}`)];
  const disabled = [routers, tcpRouters, udpRouters].reduce((sum, { all, inForce }) => sum + all - inForce, 0);
  const lost = disabled === 0 ? '' : ` (${disabled} disabled)`;
  return `${all.join(', ')}${lost}, ${counted(services, 'service')}, ${counted(middlewares, 'middleware')}`;
}

function shown({ all, inForce }: Amount): string {
  return inForce === all ? String(all) : `${inForce} of ${all}`;
}

function counted(amount: Amount, noun: string): string {
  return `${shown(amount)} ${noun}${amount.all === 1 ? '' : 's'}`;
}
