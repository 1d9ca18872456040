/**
 * Flushes files while the next ones are still being unpacked, so that the walk which proves everything to be on disk finds
 * little left to do. Only a head start: what fails here is met again by that walk.
 */
import { insidePath, syncFile } from '../host/files.ts';

export interface FlushAhead {
  /** A name below the directory, as tar tells it when it begins with that member. */
  began(member: string): void;
  /** Waits for the flushes that run; no new ones are started. */
  stop(): Promise<void>;
}

/** More would fight with the unpacking for the disk. */
const AT_ONCE = 2;

export function flushAhead(directory: string): FlushAhead {
  const queue: string[] = [];
  const running = new Set<Promise<void>>();
  let previous: string | null = null;
  const proceed = () => {
    while (running.size < AT_ONCE) {
      const path = queue.shift();
      if (path === undefined) return;
      const work = flush(path);
      running.add(work);
      void work.then(() => {
        running.delete(work);
        proceed();
      });
    }
  };
  return {
    began: (member) => {
      // The member before it is complete now.
      if (previous !== null) queue.push(previous);
      previous = member.endsWith('/') ? null : (insidePath(directory, member) ?? null);
      proceed();
    },
    stop: async () => {
      queue.length = 0;
      await Promise.all(running);
    },
  };
}

/** A name that tar has quoted, or the one member that is renamed, is left to the walk. */
async function flush(path: string): Promise<void> {
  await syncFile(path).catch(() => {});
}
