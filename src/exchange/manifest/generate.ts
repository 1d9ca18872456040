/**
 * Makes the `backup_manifest` of a backup that has none, e.g. one of rsync: byte for byte the file that Barman makes. Like
 * Barman's it covers the data directory, not the tablespaces. Source: docs/behaviour/catalog.md 12, backup.md 5.7.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { digestFile } from '../../host/file-digest.ts';
import { exists, writeDurably } from '../../host/files.ts';
import { dataPath } from '../../catalog/layout.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { MANIFEST_NAME, shownPath } from '../../domain/backup/backup-manifest.ts';
import { BackupError } from '../../domain/errors.ts';
import { inParallel } from '../../domain/in-parallel.ts';
import { jsonText } from '../../output/json-text.ts';
import type { JsonObject } from '../../output/output.ts';
import { watchProgress } from '../../transfer/progress.ts';
import type { CommandContext } from '../../server/context.ts';
import type { ServerScope } from '../../server/scope.ts';
import { below, walkFiles } from './walk.ts';
import { withLock } from '../../server/locks.ts';

/** Files read at once: one is hashed while the next ones are on their way from the disk. */
export const READERS = 8;

/** @throws BackupError (as an exception, with Barman's words) when there is a manifest already */
export async function generateManifest(scope: ServerScope, { backupId }: BackupInfo): Promise<void> {
  const { layout } = scope.catalog;
  const directory = dataPath(layout, backupId);
  const target = join(directory, MANIFEST_NAME);
  // A delete that is at work is waited for.
  const generate = async () => {
    if (await exists(target)) throw new BackupError(`File ${target} already exists.`, { level: 'exception' });
    await writeDurably(target, formatManifest(await listFiles(scope, directory)));
  };
  await withLock(scope, 'generate manifest', generate, backupId);
}

export interface ListedFile {
  /** Byte string. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly mtimeMs: number;
  readonly sha256: string;
}

async function listFiles(ctx: CommandContext, directory: string): Promise<readonly ListedFile[]> {
  const paths: string[] = [];
  for await (const { path, kind } of walkFiles(directory)) {
    if (kind === 'file') {
      // What a killed run left of the file that is being made.
      if (path !== `${MANIFEST_NAME}.tmp`) paths.push(path);
    } else if (!path.startsWith('pg_tblspc/')) {
      ctx.output.warning(`'${join(directory, shownPath(path))}' is no regular file: it is not in the manifest`);
    }
  }
  let done = 0;
  const watch = watchProgress(ctx.output.progress, 'Reading the backup', async () => ({ done, total: null }));
  try {
    const listed: ListedFile[] = Array.from({ length: paths.length });
    await inParallel([...paths.entries()], READERS, async ([index, path]) => {
      const { hex, size, mtimeMs } = await digestFile(below(directory, path), 'SHA256', {
        signal: ctx.signal,
        onBytes: (bytes) => {
          done += bytes;
        },
      });
      listed[index] = { path, size, mtimeMs, sha256: hex };
    });
    return listed;
  } finally {
    await watch.stop();
  }
}

/** The manifest of these files in their order. */
export function formatManifest(files: readonly ListedFile[]): Buffer {
  const lines = files.map((file) => jsonText(entryOf(file)));
  const body = Buffer.from(`{"PostgreSQL-Backup-Manifest-Version": 1,\n"Files": [\n${lines.join(',\n')}],\n`, 'latin1');
  const checksum = createHash('sha256').update(body).digest('hex');
  return Buffer.concat([body, Buffer.from(`"Manifest-Checksum": "${checksum}"}\n`, 'latin1')]);
}

function entryOf({ path, size, mtimeMs, sha256 }: ListedFile): JsonObject {
  const text = shownPath(path);
  const isUtf8 = Buffer.from(text, 'utf8').toString('latin1') === path;
  return {
    Checksum: sha256,
    'Checksum-Algorithm': 'SHA256',
    'Last-Modified': new Date(Math.floor(mtimeMs / 1000) * 1000).toISOString().slice(0, 19).replace('T', ' '),
    ...(isUtf8 ? { Path: text } : { 'Encoded-Path': Buffer.from(path, 'latin1').toString('hex') }),
    Size: size,
  };
}
