import { expect, it } from 'vitest';
import { checkRoom, parseDf } from '../../../src/restore/room.ts';

const HEAD = 'Filesystem     1024-blocks     Used Available Capacity Mounted on\n';

it.each([
  ['/dev/vda  263174212 27262976 79691776  27% /\n', { filesystem: '/', free: 79_691_776 * 1024 }],
  ['//server/share name 100 1 99 1% /mnt/my share\n', { filesystem: '/mnt/my share', free: 99 * 1024 }],
  // ZFS and full disks with a reserve.
  ['tank/pg 100 104 -4 105% /pg\n', { filesystem: '/pg', free: 0 }],
  ['proc - - - - /proc\n', null],
  ['', null],
])('df says %j', (line, room) => {
  expect(parseDf(HEAD + line)).toEqual(room);
});

it('adds up by filesystem, and believes a host that does not tell', async () => {
  const demand = (directory: string, bytes: number) => ({ directory, source: '/', bytes });
  const lookup = async ({ directory }: { directory: string }) =>
    directory.startsWith('/unknown') ? null : { filesystem: directory.slice(0, 2), free: 100 * 1024 };
  await checkRoom([demand('/a/1', 60_000), demand('/b/1', 60_000), demand('/unknown', 1e15)], lookup);
  await expect(checkRoom([demand('/a/1', 60_000), demand('/b', 1), demand('/a/2', 60_000)], lookup)).rejects.toThrow(
    "Not enough room in '/a/2': the restore needs 117.2 KiB and 100.0 KiB are free",
  );
});
