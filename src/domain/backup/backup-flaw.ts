/**
 * What a finished backup must have on disk to be one, and what is to be said of one that lacks it. Its record stays DONE
 * (Barman shares it), but nothing counts it, chooses it or lets it stand in for another.
 */
import { backupArchiveOf } from '../codecs.ts';
import { CIPHERS, type CipherName } from '../ciphers.ts';
import { isObject } from '../location.ts';
import { has } from '../postgres-version.ts';
import { type BackupInfo, isCopyDone } from './backup-info.ts';
import { layoutOf, type Places } from './backup-layout.ts';

/**
 * `unmounted`: not one backup of the server is where they are kept. `unreadable`: nobody knows whether it is there, so
 * it counts as needed.
 */
export interface BackupFlaw {
  readonly kind: 'missing' | 'unmounted' | 'unreadable';
  readonly path: string;
  /** The words of the system; '' for what is missing. */
  readonly reason: string;
}

/** By backup id; a backup that is whole has none. */
export type BackupFlaws = ReadonlyMap<string, BackupFlaw>;

/** Complete, and its files are there: what can be restored. */
export function isSound(info: BackupInfo, flaws: BackupFlaws): boolean {
  return isCopyDone(info) && !flaws.has(info.backupId);
}

/** `'PATH' is missing`. */
export function flawText({ kind, path, reason }: BackupFlaw): string {
  if (kind === 'unmounted') return `'${path}' holds no backup: is its filesystem not mounted?`;
  return kind === 'missing' ? `'${path}' is missing` : `'${path}' cannot be read: ${reason}`;
}

/**
 * The paths below `base/ID` that a restore of this backup cannot do without, as many as prove the others; none for one
 * whose data is not kept as files on this host.
 */
export function provingPaths(info: BackupInfo, places: Places): readonly string[] {
  const layout = layoutOf(info, places);
  if (layout.origin === 'snapshot' || isObject(layout.place)) return [];
  const manifest = layout.origin === 'postgres' && writesManifest(info) ? ['data/backup_manifest'] : [];
  const spaces = (info.tablespaces ?? []).map(({ oid }) => oid);
  // The manifest of plain files lies where they do, and is written last.
  if (layout.format === 'plain') {
    return [...(manifest.length > 0 ? manifest : ['data/global/pg_control']), ...spaces.map(String)];
  }
  const archive = backupArchiveOf(layout.codec ?? 'none');
  if (archive === undefined) return ['data', ...manifest];
  const suffix = `${archive.suffix}${layout.cipher === null ? '' : (CIPHERS[layout.cipher as CipherName]?.suffix ?? '')}`;
  return [...manifest, ...['base', ...spaces].map((name) => `data/${name}${suffix}`)];
}

function writesManifest({ version }: BackupInfo): boolean {
  return version !== null && has(version, 'backupManifest');
}
