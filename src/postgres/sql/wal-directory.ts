/** Which WAL the server still has. */
import { PostgresError } from '../../domain/errors.ts';
import { type WalFile, parseWalName } from '../../domain/wal/wal.ts';
import type { Session } from './session.ts';

export interface KeptWal {
  /** The segments of pg_wal; null where the role may not see them (pg_monitor may). */
  readonly names: ReadonlySet<string> | null;
  /** The segment in which a recovery of the server would begin: it and all later ones are kept. */
  readonly redo: WalFile | null;
}

/** @throws PostgresError when the server does not answer at all */
export async function askKeptWal(session: Session): Promise<KeptWal> {
  const [row] = await session.query<{ name: string }>('SELECT redo_wal_file AS name FROM pg_control_checkpoint()');
  const redo = parseWalName(row?.name ?? '') ?? null;
  try {
    const rows = await session.query<{ name: string }>('SELECT name FROM pg_ls_waldir()');
    return { names: new Set(rows.map(({ name }) => name)), redo };
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    return { names: null, redo };
  }
}
