/** A streaming standby of a cluster, which a test may promote. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Cluster, clusterAt, freePort, temporaryFolder } from './cluster.ts';

const exec = promisify(execFile);

/** Copies the primary and starts the copy, which streams from it without a slot. */
export async function startStandby(primary: Cluster): Promise<Cluster> {
  const root = await temporaryFolder('standby');
  const data = join(root, 'data');
  const options = ['-R', '-X', 'stream', '-c', 'fast', '-d', primary.streamingConninfo];
  await exec(join(primary.binDir, 'pg_basebackup'), ['-D', data, ...options]);
  const standby = clusterAt(primary.binDir, data, await freePort(), root);
  await standby.start();
  return standby;
}
