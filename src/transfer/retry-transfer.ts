/** A transfer by rsync gets more than one chance. Source: docs/behaviour/backup.md 5.4. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerConfig } from '../config/options.ts';
import type { Output } from '../output/output.ts';

export interface Transfer {
  readonly output: Output;
  readonly config: Pick<ServerConfig, 'basebackupRetryTimes' | 'basebackupRetrySleep'>;
  readonly signal: AbortSignal;
  /** What is copied, for the warning. */
  readonly title: string;
}

/** `basebackup_retry_times` for one run of rsync: what it has copied so far is not copied again. */
export async function retryTransfer(
  { output, config, signal, title }: Transfer,
  body: () => Promise<void>,
): Promise<void> {
  const { basebackupRetryTimes, basebackupRetrySleep } = config;
  for (let attempt = 0; ; attempt += 1) {
    try {
      await body();
      return;
    } catch (error) {
      if (signal.aborted || attempt >= basebackupRetryTimes) throw error;
      output.warning(`Failure executing rsync on ${title} (attempt ${attempt})`);
      output.warning(`Retrying in ${basebackupRetrySleep} seconds`);
      await sleep(basebackupRetrySleep * 1000, undefined, { signal });
    }
  }
}
