/**
 * Notes about a backup beside its record: `meta/<id>-keep` and `meta/<id>-delete_this`. Releases before 3.13.3 kept them in
 * `base/<id>/annotations/`, from where they move on first sight. Source: docs/behaviour/catalog.md 1 and 5.
 */
import { type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists, isLink, makeDirectory, openToRead, renameDurably, syncFile } from '../host/files.ts';
import { BackupError, errnoOf } from '../domain/errors.ts';
import type { Catalog, KeepTarget } from './catalog.ts';
import { annotationPath, backupPath, type CatalogLayout } from './layout.ts';
import { unlinkDurably } from './paths.ts';
import { systemReason } from '../host/system-reason.ts';
import { writeInMeta } from './records.ts';

type Key = 'keep' | 'delete_this';
type Annotations = Pick<
  Catalog,
  'keepOf' | 'setKeep' | 'releaseKeep' | 'isMarkedForDelete' | 'markForDelete' | 'unmarkForDelete'
>;

export interface AnnotationOptions {
  /** Reading leaves an old annotation where it is. */
  readonly readOnly?: boolean;
}

export function openAnnotations(layout: CatalogLayout, { readOnly = false }: AnnotationOptions = {}): Annotations {
  const text = (backupId: string, key: Key) => read(layout, backupId, key, readOnly);
  return {
    keepOf: async (backupId) => {
      const target = await text(backupId, 'keep');
      if (target === null) return null;
      return target === 'standalone' ? 'standalone' : 'full';
    },
    setKeep: (backupId, target: KeepTarget) => set(layout, backupId, 'keep', target),
    releaseKeep: (backupId) => release(layout, backupId, 'keep'),
    isMarkedForDelete: async (backupId) => (await text(backupId, 'delete_this')) !== null,
    markForDelete: (backupId) => set(layout, backupId, 'delete_this', 'delete'),
    unmarkForDelete: (backupId) => release(layout, backupId, 'delete_this'),
  };
}

/** Its text, '' when it is there and cannot be read, null when it is not there. */
async function read(layout: CatalogLayout, backupId: string, key: Key, readOnly: boolean): Promise<string | null> {
  const path = annotationPath(layout, backupId, key);
  const text = await readText(path);
  if (text !== null) return text;
  const old = await findLegacy(layout, backupId, key).catch(unreadable);
  if (old === null) return null;
  if (old === '' || old.isBehindLink) return '';
  const content = await readText(old.path);
  // Gone since we looked: another process moved it.
  if (content === null) return readText(path);
  if (!readOnly) await move(layout, old.path, path);
  return content;
}

/** Where it cannot move it is as good where it is. */
async function move(layout: CatalogLayout, from: string, to: string): Promise<void> {
  try {
    await syncFile(from);
    await makeDirectory(layout.metaDirectory);
    await renameDurably(from, to);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

async function set(layout: CatalogLayout, backupId: string, key: Key, text: string): Promise<void> {
  await writeInMeta(layout, annotationPath(layout, backupId, key), text);
  // The reference would move an old one over the new one.
  await dropLegacy(layout, backupId, key);
}

async function release(layout: CatalogLayout, backupId: string, key: Key): Promise<void> {
  await dropLegacy(layout, backupId, key);
  await drop(annotationPath(layout, backupId, key));
}

/** @throws BackupError when it cannot be removed, e.g. because it is a directory */
async function drop(path: string): Promise<void> {
  try {
    await unlinkDurably(path, dirname(path));
  } catch (error) {
    throw new BackupError(`cannot remove '${path}': ${systemReason(error)}`, {
      cause: error,
      ...(errnoOf(error) === 'EISDIR' ? { hint: 'look what is in it, and move it away' } : {}),
    });
  }
}

async function dropLegacy(layout: CatalogLayout, backupId: string, key: Key): Promise<void> {
  const old = await findLegacy(layout, backupId, key);
  if (old === null) return;
  if (old.isBehindLink) throw new BackupError(`cannot remove '${old.path}': it is behind a symbolic link`);
  await drop(old.path);
}

/** The annotation at its old place, if it is there. Behind a symbolic link it counts, but is not ours to touch. */
async function findLegacy(
  layout: CatalogLayout,
  backupId: string,
  key: Key,
): Promise<{ readonly path: string; readonly isBehindLink: boolean } | null> {
  const directory = backupPath(layout, backupId);
  const annotations = join(directory, 'annotations');
  const path = join(annotations, key);
  if (!(await exists(path))) return null;
  return { path, isBehindLink: (await isLink(directory)) || (await isLink(annotations)) };
}

/** What may not be looked at is there as far as we know. */
function unreadable(error: unknown): '' {
  if (errnoOf(error) === undefined) throw error;
  return '';
}

async function readText(path: string): Promise<string | null> {
  let handle: FileHandle;
  try {
    handle = await openToRead(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    return unreadable(error);
  }
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    return buffer.toString('latin1', 0, bytesRead).trim();
  } catch (error) {
    return unreadable(error);
  } finally {
    await handle.close();
  }
}
