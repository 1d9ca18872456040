/**
 * Waits until a WAL file is in the archive, archiving what arrives meanwhile.
 * Source: docs/behaviour/wal.md 7, backup.md 3.6.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandContext } from '../server/context.ts';
import type { ServerScope } from '../server/scope.ts';
import { archiveWals } from './archive/archive.ts';
import type { GrowingFiles } from './archive/archive-run.ts';

export interface WaitOptions {
  /** Seconds; null waits without limit. */
  readonly timeoutSeconds: number | null;
}

const PAUSE_MS = 100;

/**
 * Waits for the file `name`, or with null for any new segment. True when it came. A timeout is reported (an error for a
 * named file), and so is Ctrl-C, which ends the waiting alone; other aborts are thrown.
 */
export async function waitForWal(scope: ServerScope, name: string | null, options: WaitOptions): Promise<boolean> {
  const { timeoutSeconds: limit } = options;
  const most = limit === null ? '' : ` (max: ${limit} seconds)`;
  scope.output.info(
    name === null
      ? `Waiting for a WAL file from server '${scope.name}' to be archived${most}`
      : `Waiting for the WAL file ${name} from server '${scope.name}'${most}`,
  );
  const isThere = await arrivalTest(scope, name);
  const deadline = limit === null ? Number.POSITIVE_INFINITY : performance.now() + limit * 1000;
  let saidBusy = false;
  const told: GrowingFiles = new Map();
  for (;;) {
    if (scope.signal.aborted) return interrupted(scope, name);
    const { isBusy } = await archiveWals(scope, { verbose: false, silentWhenBusy: saidBusy, told });
    saidBusy ||= isBusy;
    if (await isThere()) return true;
    if (performance.now() >= deadline) break;
    await sleep(PAUSE_MS, undefined, { signal: scope.signal }).catch(() => {});
  }
  if (name === null) scope.output.info(`A WAL file has not been received in ${limit} seconds`);
  else scope.output.error(`The WAL file ${name} has not been received in ${limit} seconds`);
  return false;
}

async function arrivalTest(scope: ServerScope, name: string | null): Promise<() => Promise<boolean>> {
  if (name !== null) {
    scope.catalog.walStore.locate(name);
    return () => scope.catalog.walStore.has(name);
  }
  const newest = async () => JSON.stringify([...(await scope.catalog.walStore.lastOfTimelines())]);
  const before = await newest();
  return async () => (await newest()) !== before;
}

function interrupted(ctx: CommandContext, name: string | null): boolean {
  if (ctx.signal.reason !== 'SIGINT') ctx.signal.throwIfAborted();
  ctx.output.info(`Got CTRL-C. Continuing without waiting for '${name ?? 'a WAL file'}' to be archived`);
  return false;
}
