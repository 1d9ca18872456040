/** How far a copy is, by the bytes that are on our disk. */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterFacts } from '../postgres/connections.ts';
import type { BackupJob } from './method.ts';
import { type ProgressWatch, watchProgress } from '../transfer/progress.ts';

/** Follows the copy of this job on the terminal; reads nothing when there is none. */
export function watchCopy(job: BackupJob, facts: ClusterFacts): ProgressWatch {
  const total = facts.clusterSize;
  return watchProgress(job.scope.output.progress, `Copying ${job.scope.name}`, async () => ({
    done: await bytesBelow(job.directory),
    total,
  }));
}

/** Bytes of all files; what cannot be read counts as nothing. */
export async function bytesBelow(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => [])) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) bytes += await bytesBelow(path);
    else if (entry.isFile())
      bytes += await lstat(path).then(
        (facts) => facts.size,
        () => 0,
      );
  }
  return bytes;
}
