/**
 * Which archived WAL nobody needs once a backup is gone. The rule errs on the side of keeping: everything from the first
 * segment of any other usable or running backup on, all of the timelines they are on, and the range that a backup kept
 * "standalone" needs to be consistent. Source: docs/behaviour/catalog.md 6 step 5 (c, e), wal.md 9, faults.md REF7.
 */
import { type BackupInfo, isCopyDone } from '../backup/backup-info.ts';
import { around } from '../backup/backup-order.ts';
import { parseWalName, type WalFile } from './wal.ts';

export interface HorizonFacts {
  /** Keep annotations by backup id. */
  readonly keeps: ReadonlyMap<string, 'full' | 'standalone'>;
  /** compat 3.20.1: `barman delete` stops at a predecessor kept standalone; retention clears the WAL between them. */
  readonly passStandalone: boolean;
}

/** Says of a parsed name whether its file may go. */
export type WalJudge = (file: WalFile) => boolean;

/**
 * The judge for the WAL that goes with `target`; null when no WAL goes. `backups` are all readable records of the server in
 * order, `target` among them, whatever their status. The caller makes sure that there is no unreadable one.
 */
export function walsFreedBy(target: BackupInfo, backups: readonly BackupInfo[], facts: HorizonFacts): WalJudge | null {
  const { earlier, later } = around(target.backupId, backups);
  const others = [...earlier, ...later];
  const standalone: BackupInfo[] = [];
  for (const previous of earlier.filter(isCopyDone).toReversed()) {
    if (!facts.passStandalone || facts.keeps.get(previous.backupId) !== 'standalone') return null;
    standalone.push(previous);
  }
  const owner = later.find(isCopyDone) ?? target;
  // Only a backup that can be restored makes the WAL before it useless.
  if (owner.beginWal === null || !isCopyDone(owner)) return null;
  const ranges = standalone.map(rangeOf);
  if (ranges.includes(null)) return null;

  const isLive = ({ status }: BackupInfo) => status !== 'EMPTY' && status !== 'FAILED';
  const live = others.filter((backup) => isLive(backup) && !standalone.includes(backup));
  const begins = live.flatMap(({ beginWal }) => beginWal ?? []);
  // One that does not say where it begins may need anything.
  if (begins.length < live.length) return null;
  // Nor is one of the two names of a backup that ends before it begins to be believed.
  if (others.some((backup) => isLive(backup) && endsBeforeItBegins(backup))) return null;
  // A clock that went back or a cluster that was replaced can give a later backup an earlier segment.
  const horizon = begins.reduce((lowest, begin) => (begin < lowest ? begin : lowest), owner.beginWal);
  const timelines = new Set(others.filter(isLive).map(timelineOf));
  timelines.delete(timelineOf(owner));
  return ({ kind, name, timeline }) => {
    if (kind === 'history' || name >= horizon || timelines.has(timeline)) return false;
    const segment = name.slice(0, 24);
    return !ranges.some((range) => range !== null && segment >= range.begin && segment <= range.end);
  };
}

function endsBeforeItBegins({ beginWal, endWal }: BackupInfo): boolean {
  return beginWal !== null && endWal !== null && endWal < beginWal;
}

function rangeOf({ beginWal, endWal }: BackupInfo): { begin: string; end: string } | null {
  return beginWal === null || endWal === null ? null : { begin: beginWal, end: endWal };
}

function timelineOf({ beginWal, timeline }: BackupInfo): number | null {
  return (beginWal === null ? undefined : parseWalName(beginWal)?.timeline) ?? timeline;
}
