/** `--test`: what the other end says, on standard output, and its exit code. Source: docs/behaviour/wal.md 10. */
import type { Connection } from './connection.ts';
import { tellStandardError } from '../host/standard-error.ts';

/** compat 3.20.1: both of its streams go to stdout, an empty line follows; 255 when there is no connection. */
export async function relayTest({ child, end }: Connection): Promise<number> {
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => said.push(chunk));
  const closed = new Promise((resolve) => child.once('close', resolve));
  const { code, failure, stalled } = await end;
  if (failure !== undefined) throw failure;
  // A process that holds a shared connection may keep the pipes open.
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 200))]);
  process.stdout.write(`${Buffer.concat(said).toString('utf8').trimEnd()}\n\n`);
  if (stalled !== undefined) tellStandardError(`ERROR: nothing moved for ${stalled} seconds\n`);
  return code ?? 255;
}
