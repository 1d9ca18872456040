/**
 * What show-backup tells of a backup, and the words that both of its faces share. Source: docs/behaviour/cli.md 6.3.
 */
import type { BackupFlaw } from '../../domain/backup/backup-flaw.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { fixedText } from '../../domain/text/fixed-text.ts';
import type { RetentionVerdict } from '../../domain/backup/retention.ts';
import type { WalUsage } from '../../domain/wal/wal-usage.ts';
import { verdictText } from './list-backups.ts';

export interface ShownBackup {
  readonly server: string;
  readonly info: BackupInfo;
  readonly flaw: BackupFlaw | null;
  readonly usage: WalUsage;
  /** Timelines besides its own that a recovery can reach. */
  readonly timelines: readonly number[];
  /** null when no policy is enforced. */
  readonly verdict: RetentionVerdict | null;
  /** Ids of the neighbours that can be restored. */
  readonly previous: string | null;
  readonly next: string | null;
  /** The ids from the backup up to its root. */
  readonly chain: readonly string[];
}

export const OLDEST = '- (this is the oldest base backup)';
export const LATEST = '- (this is the latest base backup)';

/** `72.00/hour`. */
export function rateText(perSecond: number): string {
  return `${fixedText(perSecond * 3600, 2)}/hour`;
}

/** `99.88%`. */
export function percentText(ratio: number): string {
  return `${fixedText(ratio * 100, 2)}%`;
}

/** What the console says of the policy. */
export function policyText(verdict: RetentionVerdict | null): string {
  return verdict === null ? 'not enforced' : verdictText(verdict);
}
