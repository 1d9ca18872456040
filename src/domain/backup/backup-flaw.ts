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
 * it counts as needed. `unproved`: its manifest is missing, the rest is there, and no backup of the server is better.
 */
export interface BackupFlaw {
  readonly kind: 'missing' | 'unmounted' | 'unreadable' | 'unproved';
  readonly path: string;
  /** The words of the system; '' for what is missing. */
  readonly reason: string;
}

/** By backup id; a backup that is whole has none. */
export type BackupFlaws = ReadonlyMap<string, BackupFlaw>;

/** Complete, and its files are there: what can be restored. */
export function isSound(info: BackupInfo, flaws: BackupFlaws): boolean {
  return isCopyDone(info) && isWhole(info, flaws);
}

/** Whatever its status: no file is known to lack that a restore needs. */
export function isWhole({ backupId }: BackupInfo, flaws: BackupFlaws): boolean {
  const flaw = flaws.get(backupId);
  return flaw === undefined || flaw.kind === 'unproved';
}

/** `'PATH' is missing`. */
export function flawText({ kind, path, reason }: BackupFlaw): string {
  if (kind === 'unmounted') return `'${path}' holds no backup: is its filesystem not mounted?`;
  return kind === 'missing' || kind === 'unproved' ? `'${path}' is missing` : `'${path}' cannot be read: ${reason}`;
}

const MANIFEST = 'data/backup_manifest';
const CONTROL = 'data/global/pg_control';

/** What PostgreSQL cannot do without, where `proving` says that a manifest proves it; undefined where none does. */
export function pathsWithoutManifest(proving: readonly string[]): readonly string[] | undefined {
  if (!proving.includes(MANIFEST)) return undefined;
  const others = proving.filter((path) => path !== MANIFEST);
  return others.some((path) => path.startsWith('data/')) ? others : [CONTROL, ...others];
}

/**
 * The paths below `base/ID` that a restore of this backup cannot do without, as many as prove the others; none for one
 * whose data is not kept as files on this host.
 */
export function provingPaths(info: BackupInfo, places: Places): readonly string[] {
  const layout = layoutOf(info, places);
  if (layout.origin === 'snapshot' || isObject(layout.place)) return [];
  const manifest = layout.origin === 'postgres' && writesManifest(info) ? [MANIFEST] : [];
  const spaces = (info.tablespaces ?? []).map(({ oid }) => oid);
  // The manifest of plain files lies where they do, and is written last.
  if (layout.format === 'plain') {
    return [...(manifest.length > 0 ? manifest : [CONTROL]), ...spaces.map(String)];
  }
  const archive = backupArchiveOf(layout.codec ?? 'none');
  if (archive === undefined) return ['data', ...manifest];
  const suffix = `${archive.suffix}${layout.cipher === null ? '' : (CIPHERS[layout.cipher as CipherName]?.suffix ?? '')}`;
  return [...manifest, ...['base', ...spaces].map((name) => `data/${name}${suffix}`)];
}

function writesManifest({ version }: BackupInfo): boolean {
  return version !== null && has(version, 'backupManifest');
}
