// Accounts with certificate authorities: found in the store or made, one per resolver and authority. Keys are never
// made anew while there is one: public authorities limit how many accounts an address may make.

import type { AcmeResolverConfig } from '../config/install/certificates-resolver-options.ts';
import { AcmeClient } from './acme-client.ts';
import type { AuthorityTransport } from './authority-transport.ts';
import { createKey } from './certificate-request.ts';
import type { Directory } from './directory.ts';
import { asFailure } from './failure.ts';
import type { ResolverStorage, StoredAccount } from './resolver-storage.ts';

/** ES256, which every authority takes (RFC 8555 §6.2). */
const KEY_TYPE = 'EC256';

/**
 * A client with an account that the authority knows. Rejects with a failure that holds up the whole resolver.
 */
export async function openAccount(
  config: AcmeResolverConfig,
  storage: ResolverStorage,
  transport: AuthorityTransport,
  directory: Directory,
  signal: AbortSignal,
): Promise<AcmeClient> {
  try {
    return await open(config, storage, transport, directory, signal);
  } catch (error) {
    throw asFailure(error).asAuthority();
  }
}

async function open(
  config: AcmeResolverConfig,
  storage: ResolverStorage,
  transport: AuthorityTransport,
  directory: Directory,
  signal: AbortSignal,
): Promise<AcmeClient> {
  const saved = await storage.account(config.caServer);
  const account: StoredAccount = saved ?? {
    keyPem: await createKey(KEY_TYPE),
    url: null,
    email: config.email,
  };
  // Before it is registered: a key the authority knows must not get lost.
  if (saved === null) await storage.putAccount(config.caServer, account);
  const client = new AcmeClient(transport, directory, account);
  const contact = config.email === '' ? [] : [`mailto:${config.email}`];
  if (account.url === null) {
    const url = await client.register(contact, config.externalAccount, signal);
    await storage.putAccount(config.caServer, { ...account, url, email: config.email });
  } else if (account.email !== config.email) {
    await client.updateContact(contact, signal);
    await storage.putAccount(config.caServer, { ...account, email: config.email });
  }
  return client;
}

/** The authority has no such account any more: the next order registers the same key again. */
export async function forgetAccountUrl(config: AcmeResolverConfig, storage: ResolverStorage): Promise<void> {
  const account = await storage.account(config.caServer);
  if (account !== null) await storage.putAccount(config.caServer, { ...account, url: null });
}
