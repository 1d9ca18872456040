/** How barman-wal-restore is told to be the process that fetches ahead. */

/** The environment variable; its value is a PrefetchOrder as JSON, which this program wrote for itself: not checked again. */
export const PREFETCH_FLAG = 'BARMAN_WAL_RESTORE_PREFETCH';

export interface PrefetchOrder {
  readonly spool: string;
  /** pg_wal of the cluster that recovers. */
  readonly folder: string;
}

/** Seconds for which the connection of `--parallel` outlives the process that used it last. */
export const PERSIST = 15;
