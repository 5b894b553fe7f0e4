// A service that answers every request by itself.

import type { FixedServiceSpec } from '../../model/service.ts';
import type { Exchange } from '../http/exchange.ts';
import { respond } from '../http/respond.ts';

export class FixedService {
  readonly isUp = true;
  #status = 0;
  #body = '';

  update({ status, body }: FixedServiceSpec): void {
    this.#status = status;
    this.#body = body;
  }

  handle(exchange: Exchange): void {
    respond(exchange, this.#status, this.#body);
  }

  refresh(): void {}
  isBound(): boolean {
    return false;
  }
  retire(): void {}
}
