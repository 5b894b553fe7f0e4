// A service that answers every request by itself.

import type { FixedServiceSpec } from '../../model/service.ts';
import type { Exchange } from '../http/exchange.ts';
import { respond } from '../http/respond.ts';

export class FixedService {
  readonly isUp = true;
  readonly #spec: FixedServiceSpec;

  constructor(spec: FixedServiceSpec) {
    this.#spec = spec;
  }

  handle(exchange: Exchange): void {
    respond(exchange, this.#spec.status, this.#spec.body);
  }

  refresh(): void {}
  isBound(): boolean {
    return false;
  }
  retire(): void {}
}
