/** A recovery that cannot ask again by itself is not ended by one lost connection. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openDestination } from './destination.ts';
import { fetchWal } from './fetch-wal.ts';
import type { FetchOptions } from './receive.ts';
import type { Remote } from './remote.ts';
import { endsWithoutWal, RestoreFailure } from './restore-failure.ts';
import { tellStandardError } from '../host/standard-error.ts';

/** Seconds between the attempts. */
const PAUSES = [2, 4, 8, 16];

/** Fetches; a standby asks again by itself, any other recovery would end or stop because a connection failed once. */
export async function fetchPatiently(remote: Remote, path: string, options: FetchOptions): Promise<void> {
  const pauses = endsWithoutWal(path) ? [...PAUSES] : [];
  for (;;) {
    try {
      return await fetchWal(remote, openDestination(path), options);
    } catch (error) {
      const pause = error instanceof RestoreFailure && error.kind === 'connection' ? pauses.shift() : undefined;
      if (pause === undefined) throw error;
      tellStandardError(`WARNING: ${(error as Error).message}: trying again in ${pause} seconds\n`);
      await sleep(pause * 1_000);
    }
  }
}
