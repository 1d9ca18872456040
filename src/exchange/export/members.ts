/**
 * What an export consists of, in Barman's order: identity.json, backup.info, barman.json, the tree of the backup sorted by
 * name, the WAL that makes it consistent, and the lines of xlog.db for that WAL. Source: docs/behaviour/catalog.md 13.
 */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { AccountNames } from '../../host/account-names.ts';
import { compareBytes, openToRead } from '../../host/files.ts';
import type { TarEntry } from '../../codec/tar-writer.ts';
import { infoPath } from '../../catalog/layout.ts';
import { type BackupInfo } from '../../domain/backup/backup-info.ts';
import { formatBackupInfo } from '../../domain/backup/backup-info-file.ts';
import { BackupError, WalError } from '../../domain/errors.ts';
import { formatFloat } from '../../domain/text/python-literal.ts';
import { formatWalLine, walTime, type WalRecord } from '../../domain/wal/xlogdb.ts';
import { jsonText } from '../../output/json-text.ts';
import { eachRequiredWal } from '../../report/backup-files.ts';
import type { ServerScope } from '../../server/scope.ts';

export interface ExportFacts {
  readonly info: BackupInfo;
  readonly identity: { readonly systemid: string; readonly version: string | null };
  /** The text of barman.json. */
  readonly environment: string;
  /** Paths of the WAL files, and their lines. */
  readonly wals: readonly string[];
  readonly records: readonly WalRecord[];
  readonly accounts: AccountNames;
  readonly now: Date;
}

/**
 * The WAL from begin to end of the backup: the paths, and the records of xlog.db.
 * @throws WalError (as an exception, with Barman's words) when one is missing in either place
 */
export async function requiredWals(
  scope: ServerScope,
  info: BackupInfo,
): Promise<{ readonly wals: readonly string[]; readonly records: readonly WalRecord[] }> {
  const wals: string[] = [];
  eachRequiredWal(scope, info, (path) => wals.push(path));
  const missing = (where: string, name: string) =>
    new WalError(`WAL file required for backup consistency not found ${where}for backup '${info.backupId}': ${name}`, {
      level: 'exception',
    });
  if (wals.length === 0) throw missing('', `${info.beginWal} to ${info.endWal}`);
  for (const path of wals) {
    const facts = await lstat(path).catch(() => null);
    if (facts === null || !facts.isFile()) throw missing('', basename(path));
  }
  const names = new Set(wals.map((path) => basename(path)));
  const found = new Map<string, WalRecord>();
  await scope.catalog.readWals((record) => void (names.has(record.name) && found.set(record.name, record)), {
    from: basename(wals[0] ?? ''),
  });
  const records = [...names].map((name) => {
    const record = found.get(name);
    if (record === undefined) throw missing('in xlog.db ', name);
    return record;
  });
  return { wals, records };
}

export async function* members(scope: ServerScope, root: string, facts: ExportFacts): AsyncGenerator<TarEntry> {
  const { layout } = scope.catalog;
  const { info, accounts } = facts;
  yield made('identity.json', jsonText({ ...facts.identity }, 4));
  yield* record(infoPath(layout, info.backupId), info, accounts, facts.now);
  yield made('barman.json', facts.environment);
  yield* tree(root, 'backup', accounts);
  for (const path of facts.wals) {
    const name = `wals/${basename(dirname(path))}/${basename(path)}`;
    yield entryOf(name, path, await lstat(path, { bigint: true }), accounts);
  }
  const index = Buffer.from(facts.records.map(formatWalLine).join(''));
  yield {
    ...made('xlog.db', index),
    mode: 0o600,
    ...owner(process.getuid?.() ?? 0, process.getgid?.() ?? 0, accounts),
    mtime: formatFloat(facts.now.getTime() / 1000),
  };
}

/** A file that is made here: without an owner or a time. */
function made(name: string, text: string | Buffer): TarEntry {
  const content = Buffer.from(text);
  return {
    name,
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    uname: '',
    gname: '',
    mtime: '0',
    size: content.length,
    content,
  };
}

/** The record as it is on disk; one at its old place is written anew. */
async function* record(path: string, info: BackupInfo, accounts: AccountNames, now: Date): AsyncGenerator<TarEntry> {
  const entry = made('backup.info', formatBackupInfo(info));
  const facts = await lstat(path, { bigint: true }).catch(() => null);
  if (facts === null) yield { ...entry, mtime: formatFloat(now.getTime() / 1000) };
  else
    yield {
      ...attributes('backup.info', facts, accounts),
      size: entry.size,
      content: entry.content ?? Buffer.alloc(0),
    };
}

function owner(uid: number, gid: number, accounts: AccountNames) {
  return { uid, gid, uname: accounts.user(uid), gname: accounts.group(gid) };
}

function attributes(name: string, facts: BigIntStats, accounts: AccountNames): Omit<TarEntry, 'content' | 'linkname'> {
  return {
    name,
    type: 'file',
    mode: Number(facts.mode & 0o7777n),
    ...owner(Number(facts.uid), Number(facts.gid), accounts),
    mtime: formatFloat(walTime(facts.mtimeNs)),
    size: Number(facts.size),
  };
}

/** A directory, then what is in it in byte order; links are told, not followed. */
async function* tree(path: string, name: string, accounts: AccountNames): AsyncGenerator<TarEntry> {
  const facts = await lstat(path, { bigint: true });
  if (facts.isDirectory()) {
    yield { ...attributes(name, facts, accounts), type: 'directory', size: 0 };
    for (const child of await namesIn(path)) yield* tree(join(path, child), `${name}/${child}`, accounts);
  } else if (facts.isSymbolicLink()) {
    yield { ...attributes(name, facts, accounts), type: 'symlink', size: 0, linkname: await readlink(path) };
  } else if (facts.isFile()) {
    yield entryOf(name, path, facts, accounts);
  } else {
    throw new BackupError(`'${path}' is neither a file nor a directory: it cannot be exported`);
  }
}

async function namesIn(directory: string): Promise<readonly string[]> {
  const names: string[] = [];
  for (const bytes of await readdir(directory, { encoding: 'buffer' })) {
    const name = bytes.toString('utf8');
    if (!Buffer.from(name).equals(bytes)) {
      throw new BackupError(`the name '${name}' in '${directory}' is not UTF-8: it cannot be exported`);
    }
    names.push(name);
  }
  return names.sort(compareBytes);
}

const BLOCK = 512 * 1024;

function entryOf(name: string, path: string, facts: BigIntStats, accounts: AccountNames): TarEntry {
  return { ...attributes(name, facts, accounts), content: () => blocksOf(path) };
}

async function* blocksOf(path: string): AsyncGenerator<Buffer> {
  const handle = await openToRead(path);
  try {
    for (;;) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(BLOCK), 0, BLOCK);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
