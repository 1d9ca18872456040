/** The processes that work on one home. Only such are ended: its folder has a name of its own. */
import { eventually } from '../support/eventually.ts';
import { type Found, processesOf } from '../support/processes.ts';
import type { CrashHome } from './home.ts';

export async function hasProcess(home: CrashHome, name: string): Promise<boolean> {
  return (await processesOf(home.root)).some((found) => found.name === name);
}

/** Kills what a blow, or cron, left running on this home, and waits for its end. */
export async function endProcessesOf(home: CrashHome): Promise<void> {
  let left: readonly Found[] = [];
  const isQuiet = async () => {
    left = await processesOf(home.root);
    for (const { pid } of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone already.
      }
    }
    return left.length === 0;
  };
  await eventually('nothing runs on the home', isQuiet, 120).catch(() => {
    throw new Error(`these run on ${home.root} and do not end: ${left.map(({ name }) => name).join(', ')}`);
  });
}
