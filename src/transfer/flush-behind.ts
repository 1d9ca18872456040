/**
 * Flushes what a running copy has written so far, so that the walk which proves everything to be on disk finds little left
 * to do. Only a head start: what is missed or fails here is met again by that walk (measure.ts).
 */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { syncFile } from '../host/files.ts';

/** Pause between two passes, ms; a pass that takes long is followed by a longer pause. */
const PAUSE = 300;
const PAUSE_PER_PASS = 5;
/** File times may lag behind our clock by a tick of the kernel's, ms. */
const CLOCK_SLACK = 100;

export interface FlushBehind {
  /** Waits for the flush that runs; no new one is started. */
  stop(): Promise<void>;
}

export function flushBehind(root: string): FlushBehind {
  const abort = new AbortController();
  const work = passOverAndOver(root, abort.signal).catch(() => {});
  return {
    stop: async () => {
      abort.abort();
      await work;
    },
  };
}

async function passOverAndOver(root: string, signal: AbortSignal): Promise<void> {
  let since = 0;
  for (let pause = PAUSE; !signal.aborted;) {
    await sleep(pause, undefined, { signal });
    const begun = Date.now();
    await flushNewer(root, since, signal);
    since = begun - CLOCK_SLACK;
    pause = Math.max(PAUSE, PAUSE_PER_PASS * (Date.now() - begun));
  }
}

async function flushNewer(directory: string, since: number, signal: AbortSignal): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => [])) {
    if (signal.aborted) return;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await flushNewer(path, since, signal);
    else if (entry.isFile()) await flush(path, since);
  }
}

/** By its change time: the time of its content is that of its source. A file that the copy has renamed or removed meanwhile is left to the walk. */
async function flush(path: string, since: number): Promise<void> {
  const facts = await lstat(path).catch(() => undefined);
  if (facts !== undefined && facts.ctimeMs >= since) await syncFile(path).catch(() => {});
}
