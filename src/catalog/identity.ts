/** `identity.json`: which PostgreSQL system this server's backups come from. Source: docs/behaviour/catalog.md 8. */
import { dirname } from 'node:path';
import { makeDirectory, openToRead, writeDurably } from '../host/files.ts';
import { BackupError, errnoOf } from '../domain/errors.ts';
import type { Catalog, Identity } from './catalog.ts';
import type { CatalogLayout } from './layout.ts';
import { systemReason } from '../host/system-reason.ts';

/** No identity is larger. Bytes. */
const MAX_IDENTITY = 64 * 1024;
const CURE = 'put a good copy of the file in its place, or move it away: the next backup writes a new one';

export function openIdentity(layout: CatalogLayout): Pick<Catalog, 'readIdentity' | 'writeIdentity'> {
  return {
    readIdentity: () => readIdentity(layout.identity),
    writeIdentity: async (identity) => {
      if ((await readText(layout.identity)) !== null) return;
      await makeDirectory(dirname(layout.identity));
      await writeDurably(layout.identity, formatIdentity(identity));
    },
  };
}

async function readIdentity(path: string): Promise<Identity | null> {
  const text = await readText(path);
  if (text === null) return null;
  try {
    return parseIdentity(text);
  } catch (cause) {
    throw damaged(path, cause);
  }
}

function damaged(path: string, cause: unknown): BackupError {
  return new BackupError(`cannot read '${path}': it is not the identity of a PostgreSQL system`, { cause, hint: CURE });
}

/**
 * The one document that is checked by hand: put-wal reads it for every WAL file, and zod/mini would add a twentieth to that.
 * @throws an error that the caller tells in words of its own
 */
export function parseIdentity(text: string): Identity {
  const { systemid, version } = JSON.parse(text) as { systemid?: unknown; version?: unknown };
  if (typeof systemid !== 'string' || !/^\d+$/.test(systemid)) throw new Error('no systemid');
  if (version !== undefined && version !== null && typeof version !== 'string') throw new Error('bad version');
  return { systemid, version: version ?? null };
}

/** null when there is no file, or an empty one: what a power cut leaves of a file that was never flushed. */
async function readText(path: string): Promise<string | null> {
  try {
    const handle = await openToRead(path);
    try {
      const facts = await handle.stat();
      if (!facts.isFile()) throw damaged(path, new Error('no file'));
      if (facts.size > MAX_IDENTITY) throw damaged(path, new Error('too large'));
      const text = await handle.readFile('utf8');
      return /^[\s\0]*$/.test(text) ? null : text;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    if (errnoOf(error) === undefined) throw error;
    const reason = errnoOf(error) === 'ELOOP' ? 'it is a symbolic link' : systemReason(error);
    throw new BackupError(`cannot read '${path}': ${reason}`, { cause: error, hint: CURE });
  }
}

/** compat 3.20.1: indented by 4, keys sorted, one newline at the end. */
function formatIdentity({ systemid, version }: Identity): string {
  return `${JSON.stringify({ systemid, version }, null, 4)}\n`;
}
