// Accounts with certificate authorities: found in the store or made, one per resolver and authority. Keys are never made
// anew while there is one: public authorities limit how many accounts an address may make.

import { Client } from 'acme-client';
import type { AcmeResolverConfig } from '../config/certificates-resolver-options.ts';
import type { AuthorityTransport } from './authority-transport.ts';
import { createKey } from './certificate-request.ts';
import { asFailure } from './failure.ts';
import type { ResolverStorage, StoredAccount } from './resolver-storage.ts';

/** ES256, which every authority takes (RFC 8555 §6.2). */
const KEY_TYPE = 'EC256';

/**
 * The library's client with an account that the authority knows. Rejects with a failure that holds up the whole resolver.
 */
export async function openAccount(
  config: AcmeResolverConfig,
  storage: ResolverStorage,
  transport: AuthorityTransport,
  signal: AbortSignal,
): Promise<Client> {
  try {
    return await open(config, storage, transport, signal);
  } catch (error) {
    throw asFailure(error).asAuthority();
  }
}

async function open(
  config: AcmeResolverConfig,
  storage: ResolverStorage,
  transport: AuthorityTransport,
  signal: AbortSignal,
): Promise<Client> {
  const saved = await storage.account(config.caServer);
  const account: StoredAccount = saved ?? {
    keyPem: await createKey(KEY_TYPE),
    url: null,
    email: config.email,
  };
  // Before it is registered: a key the authority knows must not get lost.
  if (saved === null) await storage.putAccount(config.caServer, account);
  const client = clientFor(config, account);
  const contact = config.email === '' ? [] : [`mailto:${config.email}`];
  if (account.url === null) {
    await transport.call(signal, () =>
      client.createAccount({ termsOfServiceAgreed: true, ...(contact.length > 0 ? { contact } : {}) }),
    );
    await storage.putAccount(config.caServer, { ...account, url: client.getAccountUrl(), email: config.email });
  } else if (account.email !== config.email) {
    await transport.call(signal, () => client.updateAccount({ contact }));
    await storage.putAccount(config.caServer, { ...account, email: config.email });
  }
  return client;
}

/** The authority has no such account any more: the next order registers the same key again. */
export async function forgetAccountUrl(config: AcmeResolverConfig, storage: ResolverStorage): Promise<void> {
  const account = await storage.account(config.caServer);
  if (account !== null) await storage.putAccount(config.caServer, { ...account, url: null });
}

function clientFor(config: AcmeResolverConfig, account: StoredAccount): Client {
  const { externalAccount } = config;
  return new Client({
    directoryUrl: config.caServer,
    accountKey: account.keyPem,
    ...(account.url === null ? {} : { accountUrl: account.url }),
    ...(externalAccount === null ? {} : { externalAccountBinding: externalAccount }),
  });
}
