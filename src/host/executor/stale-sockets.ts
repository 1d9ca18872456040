/** Sockets of shared connections whose run was killed: removed by the next run, one by one, and only when nobody answers. */
import { lstat, readdir, rmdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { errnoOf } from '../../domain/errors.ts';

export const SOCKET_DIRECTORY = 'barman-ssh-';
export const SOCKET_NAME = 's';

/** Looks at the directories of this user alone; what cannot be looked at or removed stays. */
export async function removeStaleSockets(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(SOCKET_DIRECTORY)) continue;
    const directory = join(folder, name);
    const facts = await lstat(directory).catch(() => null);
    if (!facts?.isDirectory() || facts.uid !== process.getuid?.()) continue;
    const socket = join(directory, SOCKET_NAME);
    if (!(await isDead(socket))) continue;
    await unlink(socket).catch(() => {});
    await rmdir(directory).catch(() => {});
  }
}

/** True for a socket on which nobody listens any more; one that is not there yet may be in the making. */
function isDead(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve(errnoOf(error) === 'ECONNREFUSED'));
  });
}
