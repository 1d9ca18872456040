/** The name by which another host reaches this one. Source: docs/behaviour/recovery.md 8. */
import { lookup, lookupService } from 'node:dns/promises';
import { hostname } from 'node:os';

/** As the resolver gives it for the address of the host name; that `localhost` leads nowhere on another host is no name. */
export async function canonicalName(): Promise<string> {
  try {
    const { address } = await lookup(hostname());
    const name = (await lookupService(address, 0)).hostname;
    return /^localhost(\.|$)/.test(name) || name === address ? hostname() : name;
  } catch {
    // No resolver: the bare name has to do.
    return hostname();
  }
}
