/**
 * The files of a backup against its manifest, in the words of pg_verifybackup: what is extra, missing, of another size, of
 * another content. Source: PostgreSQL documentation, pg_verifybackup.
 */
import { lstat, readlink, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { digestFile } from '../../host/file-digest.ts';
import { compareBytes, openToRead } from '../../host/files.ts';
import { backupPath } from '../../catalog/layout.ts';
import { systemReason } from '../../host/system-reason.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import {
  MANIFEST_NAME,
  type ManifestFile,
  MAX_MANIFEST,
  parseManifest,
  shownPath,
} from '../../domain/backup/backup-manifest.ts';
import { BackupError, errnoOf } from '../../domain/errors.ts';
import { inParallel } from '../../domain/in-parallel.ts';
import { watchProgress } from '../../transfer/progress.ts';
import type { CommandContext } from '../../server/context.ts';
import type { ServerScope } from '../../server/scope.ts';
import { READERS } from './generate.ts';
import { below, type Found, walkFiles } from './walk.ts';

/** A healthy restore changes these, or they are the WAL, which is judged elsewhere. */
const IGNORED: ReadonlySet<string> = new Set([
  MANIFEST_NAME,
  'pg_wal',
  'postgresql.auto.conf',
  'recovery.signal',
  'standby.signal',
]);

function isIgnored(path: string): boolean {
  return IGNORED.has(path) || path.startsWith('pg_wal/');
}

/**
 * The complaints, sorted by kind and path; none when all is well. @throws BackupError when the manifest cannot be used
 */
export async function compareWithManifest(
  scope: ServerScope,
  info: BackupInfo,
  directory: string,
): Promise<readonly string[]> {
  const expected = parseManifest(await readManifest(join(directory, MANIFEST_NAME)));
  const presence = await findFiles(directory, backupPath(scope.catalog.layout, info.backupId), expected);
  const differing = await compareContents(scope, directory, presence.sound);
  return [...presence.complaints, ...differing];
}

async function readManifest(path: string): Promise<Buffer> {
  try {
    const handle = await openToRead(path);
    try {
      const facts = await handle.stat();
      if (!facts.isFile()) throw new BackupError(`"${path}" is not a file`);
      if (facts.size > MAX_MANIFEST) throw new BackupError(`could not parse backup manifest: it is too large`);
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw new BackupError(`could not open file "${path}": ${systemReason(error)}`, { cause: error });
  }
}

interface Presence {
  readonly complaints: readonly string[];
  /** Present with the right size: their content is worth reading. */
  readonly sound: readonly ManifestFile[];
}

async function findFiles(
  directory: string,
  backup: string,
  expected: ReadonlyMap<string, ManifestFile>,
): Promise<Presence> {
  const seen = new Set<string>();
  const complaints: string[] = [];
  const sound: ManifestFile[] = [];
  const visit = async ({ path, kind }: Found) => {
    const text = shownPath(path);
    if (isIgnored(path)) return;
    if (kind !== 'file') {
      complaints.push(`"${text}" is not a file or directory`);
      seen.add(path);
      return;
    }
    const file = expected.get(path);
    if (file === undefined) {
      complaints.push(`"${text}" is present on disk but not in the manifest`);
      return;
    }
    seen.add(path);
    const { size } = await lstat(below(directory, path));
    if (size === file.size) sound.push(file);
    else complaints.push(`"${text}" has size ${size} on disk but size ${file.size} in the manifest`);
  };
  try {
    for await (const found of walkFiles(directory)) {
      const isTablespace = found.kind === 'link' && (await leadsIntoBackup(directory, found.path, backup));
      if (!isTablespace) await visit(found);
      else for await (const inner of walkFiles(directory, found.path)) await visit(inner);
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    complaints.push(`could not read directory "${directory}": ${systemReason(error)}`);
  }
  for (const path of expected.keys()) {
    if (!seen.has(path) && !isIgnored(path)) {
      complaints.push(`"${shownPath(path)}" is present in the manifest but not on disk`);
    }
  }
  return { complaints: complaints.sort(compareBytes), sound };
}

/** A link `pg_tblspc/OID` to the tablespace directory beside `data`, and to nowhere else. */
async function leadsIntoBackup(directory: string, path: string, backup: string): Promise<boolean> {
  const oid = /^pg_tblspc\/(\d+)$/.exec(path)?.[1];
  if (oid === undefined) return false;
  const target = resolve(join(directory, 'pg_tblspc'), await readlink(join(directory, path)));
  if (target === join(backup, oid)) return (await lstat(target)).isDirectory();
  // barman_home may be reached by another name than the one that is recorded.
  const [one, other] = await Promise.all([stat(target), lstat(join(backup, oid))]).catch(() => []);
  if (one === undefined || other === undefined) return false;
  return other.isDirectory() && one.ino === other.ino && one.dev === other.dev;
}

async function compareContents(
  ctx: CommandContext,
  directory: string,
  files: readonly ManifestFile[],
): Promise<readonly string[]> {
  const complaints: string[] = [];
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const onBytes = (bytes: number) => {
    done += bytes;
  };
  const watch = watchProgress(ctx.output.progress, 'Verifying', async () => ({ done, total }));
  try {
    await inParallel(files, READERS, async ({ path, checksum }) => {
      if (checksum === null) return;
      const text = shownPath(path);
      try {
        const { hex } = await digestFile(below(directory, path), checksum.algorithm, { onBytes, signal: ctx.signal });
        if (hex !== checksum.hex) complaints.push(`checksum mismatch for file "${text}"`);
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
        complaints.push(`could not read file "${text}": ${systemReason(error)}`);
      }
    });
  } finally {
    await watch.stop();
  }
  return complaints.sort(compareBytes);
}
