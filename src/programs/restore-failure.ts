/**
 * Why a WAL file was not restored, and the exit code that makes PostgreSQL do the right thing. A standby asks again, whatever
 * the code is up to 125. A recovery that ends where WAL is missing takes such a code for the end of the WAL and promotes: there
 * everything but "not in the archive" must be a code above 125, at which PostgreSQL stops and can be started again.
 * Source: docs/behaviour/wal.md 10, faults.md G8; PostgreSQL src/backend/access/transam/xlogarchive.c,
 * RestoreArchivedFile.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tellStandardError } from '../host/standard-error.ts';

/** destination: WAL_DEST; connection: ssh; remote: get-wal said no; content: what came is not what was asked for. */
export type RestoreFailureKind = 'destination' | 'connection' | 'remote' | 'content' | 'run';

export class RestoreFailure extends Error {
  readonly kind: RestoreFailureKind;
  readonly exitCode: number;
  /** True when the archive was asked and has no such file. */
  readonly isMissing: boolean;
  constructor(kind: RestoreFailureKind, message: string, exitCode: number, isMissing = false) {
    super(message);
    this.kind = kind;
    this.exitCode = exitCode;
    this.isMissing = isMissing;
  }
}

/** PostgreSQL stops at it. */
const STOP = 255;

export function explainFailure(error: unknown): void {
  tellStandardError(`ERROR: ${error instanceof Error ? error.message : String(error)}\n`);
}

/** `path` is WAL_DEST: below pg_wal of the cluster that recovers. */
export function exitCodeOf(error: unknown, path: string): number {
  if (error instanceof RestoreFailure && error.isMissing) return error.exitCode;
  if (endsWithoutWal(path)) {
    tellStandardError(
      'HINT: this recovery would end here: PostgreSQL stops instead; remove the cause and start it again\n',
    );
    return STOP;
  }
  return error instanceof RestoreFailure ? error.exitCode : 2;
}

/** True for a recovery that takes missing WAL for its end: recovery.signal, and no standby.signal. */
export function endsWithoutWal(path: string): boolean {
  const data = join(dirname(path), '..');
  return existsSync(join(data, 'recovery.signal')) && !existsSync(join(data, 'standby.signal'));
}
