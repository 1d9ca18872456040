/** Waiting for what is meant, not for a time in which it mostly happens. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until `test` holds. @throws after so many seconds, in the words of `what` */
export async function eventually(what: string, test: () => Promise<boolean> | boolean, seconds = 180): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await test())) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await sleep(20);
  }
}

/** Until the clock shows another second: ids of backups, and the times of files that rsync compares, are no finer. */
export async function nextSecond(): Promise<void> {
  const second = Math.floor(Date.now() / 1000);
  // A timer may be a millisecond early.
  while (Math.floor(Date.now() / 1000) === second) await sleep(1000 - (Date.now() % 1000));
}
