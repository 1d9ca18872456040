/** A replication slot as pg_replication_slots shows it. */
import type { Lsn } from './lsn.ts';

export interface SlotState {
  readonly slotName: string;
  readonly active: boolean;
  readonly restartLsn: Lsn | null;
  /** False for a logical slot, which holds the name and is of no use to receive-wal. */
  readonly isPhysical: boolean;
  /** Why PostgreSQL has given it up, e.g. `wal_removed`; null while it can be used. */
  readonly lost: string | null;
}
