/**
 * Copy jobs side by side: each lane has a connection of its own, and starts are spread.
 * Source: docs/behaviour/backup.md 5.6.
 */
import { setTimeout as sleep } from 'node:timers/promises';
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
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const lane = async (number: number) => {
    while (failure === undefined && next < jobs.length) {
      const job = jobs[next++] as LaneJob;
      try {
        await waitForTurn(starts, options);
        await job(await options.connect(number));
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.lanes, jobs.length) }, (_, number) => lane(number)));
  if (failure !== undefined) throw failure.error;
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
