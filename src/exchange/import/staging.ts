/**
 * Where an import gathers a backup: `base/.import-<id>`. Nobody takes it for a backup. What a hostile archive could do is
 * refused member by member, before a byte of that member is written; no link exists in the tree while it is written.
 */
import { type FileHandle, mkdir, statfs, symlink, utimes, chmod } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { TarMember } from '../../codec/tar-reader.ts';
import { chmodIfPossible, createNew, makeDirectory } from '../../host/files.ts';
import { backupPath, type CatalogLayout, importPath } from '../../catalog/layout.ts';
import { systemReason } from '../../host/system-reason.ts';
import { isBackupId } from '../../domain/backup/backup-id.ts';
import { BackupError, errnoOf } from '../../domain/errors.ts';
import { hashDir, parseWalName } from '../../domain/wal/wal.ts';
import { syncTree } from '../../transfer/measure.ts';

/** What is read into memory: these members, no larger than this. Bytes. */
const TEXTS = ['identity.json', 'backup.info', 'barman.json', 'xlog.db'] as const;
export type TextName = (typeof TEXTS)[number];
const MAX_TEXT = 64 * 1024 * 1024;
/** A database has one directory, a cluster thousands of them. */
const MAX_DIRECTORIES = 200_000;
const MAX_LINKS = 10_000;
/** The file system keeps this much, bytes and names. */
const RESERVE = 64 * 1024 * 1024;
const RESERVED_NAMES = 1_000;

export class Staging {
  readonly path: string;
  readonly texts = new Map<TextName, Buffer>();
  /** Segments in the order of their members. */
  readonly wals: { readonly name: string; readonly size: number }[] = [];
  hasData = false;
  /** Bytes of the files below `backup/`. */
  dataBytes = 0;
  private readonly layout: CatalogLayout;
  private readonly backupId: string;
  private readonly links: string[] = [];
  private readonly directories = new Map<string, { readonly mode: number; readonly mtime: number | null }>();
  private freeBytes = 0;
  private freeNames = 0;

  constructor(layout: CatalogLayout, backupId: string) {
    this.layout = layout;
    this.backupId = backupId;
    this.path = importPath(layout, backupId);
  }

  async begin(): Promise<void> {
    await makeDirectory(this.path, 0o700);
    const facts = await statfs(this.path);
    this.freeBytes = facts.bavail * facts.bsize - RESERVE;
    // A file system without a table of inodes says 0.
    this.freeNames = facts.files === 0 ? Number.POSITIVE_INFINITY : facts.ffree - RESERVED_NAMES;
  }

  /** Judges a member, then stores it. @throws BackupError, always as an exception */
  async take(member: TarMember): Promise<void> {
    const { name, type } = member;
    const parts = safeParts(name);
    if (!['0', '2', '5'].includes(type)) throw refused(`unsafe member type: '${name}'`);
    this.freeBytes -= member.size;
    this.freeNames -= 1;
    if (this.freeBytes < 0) throw refused(`more than the file system of '${this.layout.baseDirectory}' can hold`);
    if (this.freeNames < 0) throw refused(`more files than the file system of '${this.layout.baseDirectory}' can hold`);
    if (type === '2') this.takeLink(member, parts);
    else if (type === '5') await this.takeDirectory(member, parts);
    else if (parts.length === 1 && isText(name)) await this.takeText(member, name);
    else if (parts[0] === 'backup' && parts.length > 1) await this.takeData(member, parts);
    else if (parts[0] === 'wals') await this.takeWal(member, parts);
    else throw refused(`unexpected member: '${name}'`);
  }

  /** Links, times of directories, everything flushed. */
  async settle(): Promise<void> {
    for (const oid of this.links) {
      const link = join(this.path, 'backup', 'data', 'pg_tblspc', oid);
      await symlink(join(backupPath(this.layout, this.backupId), oid), link).catch(
        twice(`backup/data/pg_tblspc/${oid}`),
      );
    }
    for (const [path, { mode, mtime }] of this.directories) {
      await chmod(path, mode | 0o700);
      if (mtime !== null) await utimes(path, mtime, mtime);
    }
    await syncTree(this.path);
  }

  private takeLink({ name, linkname }: TarMember, parts: readonly string[]): void {
    const [, , , oid = ''] = parts;
    if (parts.length !== 4 || !name.startsWith('backup/data/pg_tblspc/') || !/^\d{1,10}$/.test(oid)) {
      throw refused(`unsafe member type: '${name}'`);
    }
    const owner = basename(dirname(linkname));
    if (isBackupId(owner) && owner !== this.backupId) throw refused(`a tablespace of another backup: '${linkname}'`);
    if (this.links.length >= MAX_LINKS) throw refused('too many tablespaces');
    this.links.push(oid);
  }

  private async takeDirectory({ name, mode, mtime }: TarMember, parts: readonly string[]): Promise<void> {
    const isWals = parts[0] === 'wals' && parts.length <= 2;
    if (parts[0] !== 'backup' && !isWals) throw refused(`unexpected member: '${name}'`);
    const path = join(this.path, ...parts);
    if (this.directories.has(path)) throw twiceError(name);
    if (this.directories.size >= MAX_DIRECTORIES) throw refused('too many directories');
    if (parts[0] === 'backup') this.hasData = true;
    await mkdir(path, { recursive: true, mode: 0o700 }).catch(twice(name));
    this.directories.set(path, { mode: mode & 0o777, mtime });
  }

  private async takeText({ name, size, content }: TarMember, text: TextName): Promise<void> {
    if (this.texts.has(text)) throw twiceError(name);
    if (size > MAX_TEXT) throw refused(`'${name}' with ${size} bytes, which is too many`);
    const chunks: Buffer[] = [];
    for await (const chunk of content) chunks.push(chunk);
    this.texts.set(text, Buffer.concat(chunks));
  }

  private async takeData(member: TarMember, parts: readonly string[]): Promise<void> {
    this.hasData = true;
    this.dataBytes += member.size;
    await this.store(member, parts);
  }

  private async takeWal(member: TarMember, parts: readonly string[]): Promise<void> {
    const [, directory, name = ''] = parts;
    const file = parseWalName(name);
    if (parts.length !== 3 || file?.kind !== 'segment' || directory !== hashDir(file)) {
      throw refused(`unexpected member: '${member.name}'`);
    }
    await this.store(member, parts);
    this.wals.push({ name, size: member.size });
  }

  private async store({ name, mode, mtime, content }: TarMember, parts: readonly string[]): Promise<void> {
    const path = join(this.path, ...parts);
    const make = () => createNew(path, 0o600);
    let handle: FileHandle;
    try {
      handle = await make().catch(async (error: unknown) => {
        if (errnoOf(error) !== 'ENOENT') throw error;
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        return make();
      });
    } catch (error) {
      return twice(name)(error);
    }
    try {
      for await (const chunk of content) await handle.writeFile(chunk);
      await chmodIfPossible(handle, mode & 0o777);
      if (mtime !== null) await handle.utimes(mtime, mtime);
    } catch (error) {
      // What the reader of the archive meets is told by itself.
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      throw new BackupError(`cannot write '${path}': ${systemReason(error)}`, { cause: error, level: 'exception' });
    } finally {
      await handle.close();
    }
  }
}

/** Where the parts of an import lie until it is published. */
export function stagedWal(staging: string, name: string): string {
  const file = parseWalName(name);
  return join(staging, 'wals', file === undefined ? '' : hashDir(file), name);
}

function isText(name: string): name is TextName {
  return (TEXTS as readonly string[]).includes(name);
}

const MAX_DEPTH = 32;

/** Nothing but plain names below the root. */
function safeParts(name: string): readonly string[] {
  const parts = name.split('/');
  const isPlain = (part: string) => part !== '' && part !== '.' && part !== '..' && !/[\0\uFFFD]/.test(part);
  if (!parts.every(isPlain) || parts.length > MAX_DEPTH) throw refused(`unsafe path: '${name}'`);
  return parts;
}

function refused(what: string): BackupError {
  return new BackupError(`Tarball contains ${what}`, { level: 'exception' });
}

function twiceError(name: string): BackupError {
  return refused(`two members of one name: '${name}'`);
}

/** A name that is there already, or that is a file where a directory is wanted, comes from two members. */
function twice(name: string): (error: unknown) => never {
  return (error) => {
    if (['EEXIST', 'ENOTDIR', 'EISDIR'].includes(errnoOf(error) ?? '')) throw twiceError(name);
    if (errnoOf(error) === 'ENAMETOOLONG') throw refused(`unsafe path: '${name}'`);
    throw error;
  };
}
