/** The backups of one server: the listing with its cache, single records, and the claim of a new id. */
import { mkdir } from 'node:fs/promises';
import { isDenied, remedyFor } from '../host/access.ts';
import { exists, makeDirectory, rmdirIfEmpty, syncDirectory } from '../host/files.ts';
import type { BackupFlaws } from '../domain/backup/backup-flaw.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { inOrder } from '../domain/backup/backup-order.ts';
import { compactText } from '../domain/time/civil-time.ts';
import { localReading } from '../domain/time/local-time.ts';
import { BackupError, errnoOf } from '../domain/errors.ts';
import { isObject } from '../domain/location.ts';
import type { Catalog, CatalogListing, DamagedBackup } from './catalog.ts';
import { findFlaws } from './backup-flaws.ts';
import { backupPath, type CatalogLayout, infoPath } from './layout.ts';
import { systemReason } from '../host/system-reason.ts';
import { damagedError, readRecord, recordedIds, recordOrder, removeRecord, writeRecord } from './records.ts';

type BackupCatalog = Pick<
  Catalog,
  'listBackups' | 'flaws' | 'recordOrder' | 'getBackup' | 'saveBackup' | 'createBackup' | 'removeRecord'
>;

export function openBackups(layout: CatalogLayout, now: () => Date): BackupCatalog {
  let cached: Promise<CatalogListing> | undefined;
  let flaws: { readonly of: CatalogListing; readonly found: BackupFlaws } | undefined;
  const listBackups = () => {
    cached ??= readAll(layout, now()).catch((error: unknown) => {
      cached = undefined;
      throw error;
    });
    return cached;
  };
  const saveBackup = async (info: BackupInfo) => {
    cached = undefined;
    try {
      await writeRecord(layout, info);
    } finally {
      // A listing that began while we wrote may hold the old record.
      cached = undefined;
    }
  };
  return {
    saveBackup,
    listBackups,
    flaws: async () => {
      const listing = await listBackups();
      if (flaws?.of !== listing) flaws = { of: listing, found: findFlaws(layout, listing) };
      return flaws.found;
    },
    recordOrder: () => recordOrder(layout),
    getBackup: async (backupId) => {
      const state = await readRecord(layout, backupId);
      if (state.kind === 'damaged') throw damagedError(state.damaged);
      return state.kind === 'good' ? state.info : undefined;
    },
    createBackup: async (now, build) => {
      const backupId = await claimId(layout, now);
      try {
        const info = build(backupId);
        await saveBackup(info);
        return info;
      } catch (error) {
        await rmdirIfEmpty(backupPath(layout, backupId));
        throw error;
      }
    },
    removeRecord: async (backupId) => {
      await removeRecord(layout, backupId);
      cached = undefined;
    },
  };
}

async function readAll(layout: CatalogLayout, now: Date): Promise<CatalogListing> {
  const ids = await recordedIds(layout);
  const backups: BackupInfo[] = [];
  const damaged: DamagedBackup[] = [];
  for (const id of ids) {
    const state = await readRecord(layout, id);
    if (state.kind === 'good') backups.push(state.info);
    if (state.kind === 'damaged') damaged.push(state.damaged);
  }
  return { backups: inOrder(backups, now), damaged };
}

/**
 * mkdir is the claim: of two processes one gets the id, the other takes the next free second. A record without a
 * directory (the reference makes the record first; an orphan) is a claim too.
 */
async function claimId(layout: CatalogLayout, now: Date): Promise<string> {
  if (isObject(layout.base)) {
    throw new BackupError(`backups in object storage ('${layout.baseDirectory}') are not supported by this release`);
  }
  await makeDirectory(layout.baseDirectory);
  for (let time = now.getTime(); ; time += 1000) {
    const backupId = compactText(localReading(new Date(time)));
    if (await exists(infoPath(layout, backupId))) continue;
    if (!(await makeClaim(backupPath(layout, backupId)))) continue;
    if (await exists(infoPath(layout, backupId))) {
      await rmdirIfEmpty(backupPath(layout, backupId));
      continue;
    }
    await syncDirectory(layout.baseDirectory);
    return backupId;
  }
}

async function makeClaim(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    const facts = isDenied(error) ? { cause: error, hint: remedyFor(path) } : { cause: error };
    throw new BackupError(`cannot create the backup directory '${path}': ${systemReason(error)}`, facts);
  }
}
