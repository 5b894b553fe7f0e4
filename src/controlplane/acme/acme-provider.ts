// Certificates of the resolvers as routing configuration: the provider `acme`, whose objects are certificates and
// nothing else. Certificates that did not change keep their decoded objects.

import { aborted } from '../../core/sleep.ts';
import type { IssuedCertificate } from '../../model/certificate.ts';
import type { ConfigDocument } from '../config/document/document.ts';
import { ACME_PROVIDER } from '../config/install/certificates-resolver-options.ts';
import { decodeRouting, type RoutingConfig } from '../config/routing/routing-config.ts';
import type { Provider, Publish } from '../providers/define.ts';
import type { AcmeManager } from './acme-manager.ts';

export class AcmeProvider implements Provider {
  readonly name = ACME_PROVIDER;
  readonly #manager: AcmeManager;

  constructor(manager: AcmeManager) {
    this.#manager = manager;
  }

  async run(publish: Publish, signal: AbortSignal): Promise<void> {
    await this.#manager.start();
    const stopListening = this.#manager.listen(() => publish(certificatesConfig(this.#manager.certificates)));
    publish(certificatesConfig(this.#manager.certificates));
    await aborted(signal);
    stopListening();
    await this.#manager.stop();
  }
}

function certificatesConfig(issued: readonly IssuedCertificate[]): RoutingConfig {
  const certificates = issued.map(({ certPem, keyPem }) => ({ certFile: certPem, keyFile: keyPem }));
  const document: ConfigDocument = {
    source: ACME_PROVIDER,
    text: '',
    value: { tls: { certificates } },
    diagnostics: [],
    locate: () => null,
  };
  return decodeRouting(ACME_PROVIDER, document);
}
