/**
 * From "the copy is there" to the last message: flush and measure, drop the WAL that no backup can use, say the figures,
 * wait for the WAL, archive, judge. Source: docs/behaviour/backup.md 1.1, 2, 4.5.
 */
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { originOf } from '../domain/backup/backup-layout.ts';
import { humanDuration } from '../domain/time/duration.ts';
import { BarmanError, withHint } from '../domain/errors.ts';
import { fixedText } from '../domain/text/fixed-text.ts';
import { prettySize } from '../domain/text/size.ts';
import { checkBackup } from '../wal/settle-backup.ts';
import type { CommandContext } from '../server/context.ts';
import type { ServerScope } from '../server/scope.ts';
import { clockText, dateText } from '../domain/time/civil-time.ts';
import { localReading } from '../domain/time/local-time.ts';
import { waitForWal } from '../wal/wait.ts';
import { purgeOlderWals } from './first-backup.ts';
import { syncTree } from '../transfer/measure.ts';
import { type Beginning, stopIfInterrupted } from './method.ts';

/** Flushes every byte of the backup, then saves it as WAITING_FOR_WALS: from here on it survives a power cut. */
export async function settleOnDisk(scope: ServerScope, info: BackupInfo, directory: string): Promise<BackupInfo> {
  const sizes = await syncTree(directory, { onStep: () => stopIfInterrupted(scope.signal) });
  const settled: BackupInfo = { ...info, ...sizes, status: 'WAITING_FOR_WALS' };
  await scope.catalog.saveBackup(settled);
  return settled;
}

/** The closing messages. The WAL before a first backup goes only now that the backup is safe. */
export async function announce(
  scope: ServerScope,
  info: BackupInfo,
  { began, end }: { readonly began: Beginning; readonly end: string },
): Promise<void> {
  // A method that copies by rsync has said already that it is the first.
  const tell = originOf(info) === 'postgres' ? 'all' : 'removed';
  await purgeOlderWals(scope, info, { tell });
  scope.output.info(`Backup size: ${sizeText(info, scope.config.reuseBackup === 'link')}`);
  scope.output.info(`Backup end at LSN: ${end}`);
  const elapsed = humanDuration(began.seconds());
  scope.output.info(`Backup completed (start time: ${localTime(began.at)}, elapsed time: ${elapsed})`);
}

function sizeText({ size, deduplicatedSize }: BackupInfo, links: boolean): string {
  const total = prettySize(size ?? 0);
  if (!links || !size) return total;
  const ratio = 1 - (deduplicatedSize ?? 0) / size;
  return `${total}. Actual size on disk: ${prettySize(deduplicatedSize ?? 0)} (-${fixedText(ratio * 100, 2)}% deduplication ratio).`;
}

/** Python's `str(datetime)` in local time, microseconds included. */
function localTime(date: Date): string {
  const reading = localReading(date);
  const micros = `${String(date.getMilliseconds()).padStart(3, '0')}000`;
  return `${dateText(reading)} ${clockText(reading)}.${micros}`;
}

/** `--wait`: still under the server's backup lock. */
export async function finishUnderLock(
  scope: ServerScope,
  info: BackupInfo,
  request: { readonly wait: boolean; readonly waitTimeout: number | null },
): Promise<BackupInfo> {
  if (!request.wait || info.endWal === null) return info;
  await waitUnlessInterrupted(scope, info.endWal, request.waitTimeout || null);
  return checkBackup(scope, info, { locked: true });
}

async function waitUnlessInterrupted(scope: ServerScope, wal: string, timeoutSeconds: number | null) {
  try {
    await waitForWal(scope, wal, { timeoutSeconds });
  } catch (error) {
    // Ctrl-C while a segment was being archived: that run was left cleanly, and the backup is good either way.
    if (scope.signal.aborted && scope.signal.reason === 'SIGINT') {
      scope.output.info(`Got CTRL-C. Continuing without waiting for '${wal}' to be archived`);
    } else if (error instanceof BarmanError) reportTrouble(scope, error);
    else throw error;
  }
}

function reportTrouble(ctx: CommandContext, error: BarmanError): void {
  ctx.output.error(withHint(error.message, error.hint));
}

/** After the lock: archive what is there, judge, trim, and warn when WAL is still missing. */
export async function finishAfterLock(scope: ServerScope, taken: BackupInfo): Promise<void> {
  const { archiveWals } = await import('../wal/archive/archive.ts');
  try {
    await archiveWals(scope, { verbose: false });
  } catch (error) {
    if (!(error instanceof BarmanError)) throw error;
    reportTrouble(scope, error);
  }
  let info = taken;
  if (info.status === 'WAITING_FOR_WALS') info = await checkBackup(scope, info);
  if (info.status !== 'FAILED') await purgeOlderWals(scope, info, { tell: 'nothing' });
  if (info.status !== 'WAITING_FOR_WALS') return;
  scope.output.warning(
    [
      'IMPORTANT: this backup is classified as WAITING_FOR_WALS, meaning that Barman has not received yet all the required WAL files for the backup consistency.',
      'This is a common behaviour in concurrent backup scenarios, and Barman automatically set the backup as DONE once all the required WAL files have been archived.',
      "Hint: execute the backup command with '--wait'",
    ].join('\n'),
  );
}
