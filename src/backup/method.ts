/**
 * What a backup method is: it copies the cluster into `base/<id>` and says what it found. It never touches the catalog;
 * the run (run.ts) owns the record, its status and every save.
 */
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { BackupError } from '../domain/errors.ts';
import type { ServerScope } from '../server/scope.ts';

/** The step that `error=failure ACTION (...)` names. Source: docs/behaviour/backup.md 2.1. */
export type BackupAction =
  | 'starting backup'
  | 'issuing start backup command'
  | 'copying files'
  | 'issuing stop backup command (native concurrent)'
  | 'writing backup label'
  | 'detecting tablespaces'
  | 'calculating backup size'
  | 'issuing stop of the backup';

/** Fields of the record that a method learns. */
export type BackupChanges = Partial<Omit<BackupInfo, 'backupId' | 'status' | 'error'>>;

export interface BackupJob {
  readonly scope: ServerScope;
  readonly backupId: string;
  /** `base/<id>`; it exists and is empty. */
  readonly directory: string;
  /** Of the cluster; null when it cannot be told. */
  readonly systemid: string | null;
  /** Names the step from now on. */
  enter(action: BackupAction): void;
  /** PostgreSQL has begun: saves the record as STARTED and prints where. */
  recordStart(changes: BackupChanges): Promise<void>;
  /** For the record, whether the backup works out or not; saved with its next status. */
  note(changes: BackupChanges): void;
}

/** Fields to merge into the record once the copy is on disk (not yet flushed). */
export interface CopyOutcome {
  readonly changes: BackupChanges;
  readonly began: Beginning;
}

/** When something began, by the clock of the program, and how long ago that is, whatever happens to the clock. */
export interface Beginning {
  readonly at: Date;
  readonly seconds: () => number;
}

export function beginNow({ now }: Pick<ServerScope, 'now'>): Beginning {
  const started = performance.now();
  return { at: now(), seconds: () => (performance.now() - started) / 1000 };
}

export type BackupMethod = (job: BackupJob) => Promise<CopyOutcome>;

/** SIGINT or SIGTERM during a backup, in Barman's words. Source: docs/behaviour/cli.md 5.7. */
export class BackupInterrupted extends BackupError {}

/** @throws BackupInterrupted once the program was told to stop */
export function stopIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw interruption(signal);
}

/** What Barman records: `KeyboardInterrupt`, or the exit code that SIGTERM stands for. */
export function interruption(signal: AbortSignal): BackupInterrupted {
  return new BackupInterrupted(signal.reason === 'SIGTERM' ? '143' : 'KeyboardInterrupt');
}
