/**
 * Figures that follow from a backup's record: what it saved, how fast it was copied.
 * Source: docs/behaviour/catalog.md 10.
 */
import type { BackupInfo } from './backup-info.ts';
import { backupType } from './backup-layout.ts';

/** Bytes on disk that are this backup's own; files it shares with others through hard links are not counted. */
export function ownBytes({ deduplicatedSize, size }: BackupInfo): number {
  return deduplicatedSize ?? size ?? 0;
}

export interface Savings {
  /** Bytes; negative when the backup is larger than what it stands for. */
  readonly bytes: number;
  /** Share of 1. */
  readonly ratio: number;
}

/** What hard links or an incremental copy saved; null for backups that are full copies. */
export function savings(info: BackupInfo): Savings | null {
  const type = backupType(info);
  if (type !== 'rsync' && type !== 'incremental') return null;
  const whole = type === 'rsync' ? info.size : info.clusterSize;
  const ratio = whole ? 1 - ownBytes(info) / whole : 0;
  return { bytes: Math.trunc((info.clusterSize || info.size || 0) * ratio), ratio };
}

export interface CopyFigures {
  /** Seconds. */
  readonly copyTime: number;
  /** Seconds spent comparing before the copy; null below one second. */
  readonly analysisTime: number | null;
  readonly workers: number;
  /** Bytes per second. */
  readonly throughput: number;
}

/** How long the copy took; null when the record does not say. */
export function copyFigures(info: BackupInfo): CopyFigures | null {
  const copyTime = numberOf(info.copyStats?.copy_time);
  if (!copyTime) return null;
  const analysisTime = numberOf(info.copyStats?.analysis_time) ?? 0;
  return {
    copyTime,
    analysisTime: analysisTime >= 1 ? analysisTime : null,
    workers: numberOf(info.copyStats?.number_of_workers) ?? 1,
    throughput: ownBytes(info) / copyTime,
  };
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
