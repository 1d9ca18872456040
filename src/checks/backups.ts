/**
 * Age, size and number of the backups, and the WAL behind the newest one.
 * Source: docs/behaviour/check.md rows 15 to 23.
 */
import type { Catalog } from '../catalog/catalog.ts';
import { flawText, isSound } from '../domain/backup/backup-flaw.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { isFull } from '../domain/backup/backup-layout.ts';
import { lastEnd } from '../domain/backup/backup-order.ts';
import {
  judgeBackupAge,
  judgeBackupSize,
  judgeFailedBackups,
  judgeRedundancy,
  judgeWalAge,
  walUsageOf,
  type WalUsage,
} from '../domain/check-verdicts.ts';
import { prettySize } from '../domain/text/size.ts';
import type { CheckRun } from './scope.ts';

const NO_WAL: WalUsage = { bytesAfter: 0, lastTime: null, fromTheFuture: null };

/** Rows 15 and 16. */
export async function checkLastBackup(run: CheckRun): Promise<void> {
  const { catalog, config } = run.scope;
  await run.check('backup maximum age', async () => {
    const { backups } = await catalog.listBackups();
    const flaws = await catalog.flaws();
    const last = lastEnd(
      backups.filter((info) => isSound(info, flaws)),
      run.scope.now(),
    );
    return judgeBackupAge(config.lastBackupMaximumAge, last, seconds(run));
  });
  await run.check('backup minimum size', async () => {
    const last = await lastBackup(catalog);
    return judgeBackupSize(config.lastBackupMinimumSize, last?.size ?? 0);
  });
}

/** Rows 19 and 20: one pass over the index serves both. */
export async function checkLastWals(run: CheckRun): Promise<void> {
  const { config } = run.scope;
  let usage: Promise<WalUsage> | undefined;
  const measured = () => (usage ??= measureWals(run));
  await run.check('wal maximum age', async () => judgeWalAge(config.lastWalMaximumAge, await measured(), seconds(run)));
  await run.check('wal size', async () => {
    const { bytesAfter } = await measured();
    return { ok: true, hint: prettySize(bytesAfter), bytes: bytesAfter };
  });
}

/** Rows 22 and 23, the records that cannot be read (the reference dies on those) and the backups without their files. */
export async function checkRedundancy(run: CheckRun): Promise<void> {
  const { catalog, config } = run.scope;
  await run.check('failed backups', async () => {
    const { backups } = await catalog.listBackups();
    return judgeFailedBackups(backups.filter((backup) => backup.status === 'FAILED').length);
  });
  await run.check('backup catalog', async () => {
    const [first, ...others] = (await catalog.listBackups()).damaged;
    if (first === undefined) return null;
    const more = others.length === 0 ? '' : `; ${others.length} more`;
    return { ok: false, hint: `cannot read ${first.path}: ${first.reason}${more}` };
  });
  await run.check('backup data', async () => {
    const [first, ...others] = await catalog.flaws();
    if (first === undefined) return null;
    const [backupId, flaw] = first;
    if (flaw.kind === 'unmounted') return { ok: false, hint: flawText(flaw) };
    const more = others.length === 0 ? '' : `; ${others.length} more`;
    return { ok: false, hint: `backup ${backupId} is not whole: ${flawText(flaw)}${more}` };
  });
  await run.check('minimum redundancy requirements', async () => {
    const flaws = await catalog.flaws();
    const { backups } = await catalog.listBackups();
    const full = backups.filter((backup) => backup.status === 'DONE' && isFull(backup) && isSound(backup, flaws));
    return judgeRedundancy(full.length, config.minimumRedundancy);
  });
}

/** The newest backup that is whole, its WAL archived or not. */
async function lastBackup(catalog: Catalog): Promise<BackupInfo | undefined> {
  const flaws = await catalog.flaws();
  return (await catalog.listBackups()).backups.findLast((info) => isSound(info, flaws));
}

async function measureWals(run: CheckRun): Promise<WalUsage> {
  const { catalog } = run.scope;
  const last = await lastBackup(catalog);
  if (!last?.beginWal || !last.endWal) return NO_WAL;
  if (!(await catalog.hasWals())) return NO_WAL;
  const { visit, usage } = walUsageOf(last.beginWal, last.endWal, seconds(run));
  await catalog.readWals(visit);
  return usage();
}

function seconds(run: CheckRun): number {
  return run.scope.now().getTime() / 1000;
}
