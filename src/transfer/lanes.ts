/**
 * Copy jobs side by side: each lane has a connection of its own, and starts are spread.
 * Source: docs/behaviour/backup.md 5.6.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { inParallel } from '../domain/in-parallel.ts';
import type { Executor } from '../host/executor.ts';

export interface LaneOptions {
  readonly lanes: number;
  /** At most so many starts ... */
  readonly batchSize: number;
  /** ... within so many seconds. */
  readonly batchPeriod: number;
  /** The connection of a lane, by its number from 0. */
  readonly connect: (lane: number) => Promise<Executor>;
  readonly signal: AbortSignal;
}

export type LaneJob = (host: Executor) => Promise<void>;

/** What one of `jobs` jobs may use of a bandwidth limit, kB/s; null and 0 are no limit. */
export function shareOfLimit(limit: number | null, jobs: number): number | null {
  return limit === null || limit <= 0 ? null : Math.max(1, Math.floor(limit / Math.max(1, jobs)));
}

/** Runs every job; the first failure stops the start of others, and is thrown when the running ones are over. */
export async function runInLanes(jobs: readonly LaneJob[], options: LaneOptions): Promise<void> {
  const starts: number[] = [];
  await inParallel(jobs, options.lanes, async (job, lane) => {
    await waitForTurn(starts, options);
    await job(await options.connect(lane));
  });
}

async function waitForTurn(starts: number[], { batchSize, batchPeriod, signal }: LaneOptions): Promise<void> {
  for (;;) {
    const now = performance.now();
    while (starts.length > 0 && now - (starts[0] as number) >= batchPeriod * 1000) starts.shift();
    if (starts.length < Math.max(1, batchSize)) {
      starts.push(now);
      return;
    }
    await sleep(Math.max(1, (starts[0] as number) + batchPeriod * 1000 - now), undefined, { signal });
  }
}
