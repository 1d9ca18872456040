/**
 * Which finished backups lack some of their files: a few calls of stat for each, made without the thread pool, because
 * `list-backups all` asks it of very many. Source: docs/behaviour/catalog.md 1 "Inside a backup directory".
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { type BackupFlaw, type BackupFlaws, pathsWithoutManifest, provingPaths } from '../domain/backup/backup-flaw.ts';
import { type BackupInfo, isCopyDone } from '../domain/backup/backup-info.ts';
import { isBackupId } from '../domain/backup/backup-id.ts';
import { isFull } from '../domain/backup/backup-layout.ts';
import { chainOf } from '../domain/backup/backup-selector.ts';
import { errnoOf } from '../domain/errors.ts';
import { systemReason } from '../host/system-reason.ts';
import type { CatalogListing } from './catalog.ts';
import { annotationPath, backupPath, type CatalogLayout } from './layout.ts';

/** See Catalog.flaws. */
export function findFlaws(layout: CatalogLayout, { backups, damaged }: CatalogListing): BackupFlaws {
  const flaws = new Map<string, BackupFlaw>();
  const finished = backups.filter(isCopyDone);
  let isAnyThere = false;
  for (const info of finished) {
    const flaw = flawOf(layout, info);
    if (flaw === null) isAnyThere = true;
    else {
      flaws.set(info.backupId, flaw);
      isAnyThere ||= look(backupPath(layout, info.backupId))?.kind !== 'missing' || isBeingDeleted(layout, info);
    }
  }
  if (!isAnyThere) {
    for (const backupId of flaws.keys()) {
      flaws.set(backupId, { kind: 'unmounted', path: layout.baseDirectory, reason: '' });
    }
    return flaws;
  }
  // Nothing is lost by choosing one that lacks nothing but its manifest where there is none that has it.
  if (finished.every(({ backupId }) => flaws.has(backupId))) {
    for (const info of finished) {
      const flaw = flaws.get(info.backupId);
      if (flaw?.kind === 'missing' && hasAllButManifest(layout, info))
        flaws.set(info.backupId, { ...flaw, kind: 'unproved' });
    }
  }
  const unreadable = new Map(damaged.map((record) => [record.backupId, record]));
  for (const info of finished) {
    if (isFull(info) || flaws.has(info.backupId)) continue;
    const flaw = chainFlaw(layout, chainOf(info, backups), flaws, unreadable);
    if (flaw !== null) flaws.set(info.backupId, flaw);
  }
  return flaws;
}

/** The reference removes the data of a backup before it changes its record. */
function isBeingDeleted(layout: CatalogLayout, { backupId }: BackupInfo): boolean {
  return look(annotationPath(layout, backupId, 'delete_this')) === null;
}

function hasAllButManifest(layout: CatalogLayout, info: BackupInfo): boolean {
  const root = backupPath(layout, info.backupId);
  const paths = pathsWithoutManifest(provingPaths(info, layout));
  return paths?.every((name) => look(`${root}/${name}`) === null) ?? false;
}

function flawOf(layout: CatalogLayout, info: BackupInfo): BackupFlaw | null {
  const root = backupPath(layout, info.backupId);
  for (const name of provingPaths(info, layout)) {
    const flaw = look(`${root}/${name}`);
    if (flaw === null) continue;
    // The oldest layout of all, which this release does not know.
    if (flaw.kind === 'missing' && look(join(root, 'pgdata')) === null) return null;
    return nearest(root, flaw);
  }
  return null;
}

/** The uppermost directory that is not there says more than the file in it. */
function nearest(root: string, flaw: BackupFlaw): BackupFlaw {
  if (flaw.kind !== 'missing') return flaw;
  return [root, join(root, 'data')].map(look).find((upper) => upper !== null) ?? flaw;
}

/** An incremental backup is worth what it is built on. */
function chainFlaw(
  layout: CatalogLayout,
  chain: readonly BackupInfo[],
  flaws: BackupFlaws,
  damaged: ReadonlyMap<string, { readonly path: string; readonly reason: string }>,
): BackupFlaw | null {
  for (const ancestor of chain.slice(1)) {
    const flaw = flaws.get(ancestor.backupId);
    if (flaw !== undefined) return flaw;
    if (!isCopyDone(ancestor)) return { kind: 'missing', path: backupPath(layout, ancestor.backupId), reason: '' };
  }
  const parent = chain.at(-1)?.parentBackupId ?? null;
  if (parent === null) return null;
  const record = damaged.get(parent);
  if (record !== undefined) return { kind: 'unreadable', path: record.path, reason: record.reason };
  return { kind: 'missing', path: isBackupId(parent) ? backupPath(layout, parent) : parent, reason: '' };
}

function look(path: string): BackupFlaw | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined ? { kind: 'missing', path, reason: '' } : null;
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    if (code === 'ENOTDIR') return { kind: 'missing', path, reason: '' };
    return { kind: 'unreadable', path, reason: systemReason(error) };
  }
}
