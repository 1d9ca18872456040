/** Looking WAL files up and handing them out. */
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseWalName, type WalFile } from '../../../src/domain/wal/wal.ts';
import { type Delivery, deliverWal, findWal } from '../../../src/wal/fetch.ts';
import { segmentName, SYSTEM_ID, walSegment } from '../../support/wal-files.ts';
import { openWalServer, type WalServer } from '../../support/wal-server.ts';

let box: WalServer;
beforeEach(async () => {
  box = await openWalServer();
  await mkdir(box.path('wals', HASH));
});
afterEach(() => box.dispose());

const HASH = '0000000100000000';
const ONE = segmentName(1);
const file = (name: string): WalFile => {
  const parsed = parseWalName(name);
  if (!parsed) throw new Error(name);
  return parsed;
};

async function fetch(name: string, delivery: Delivery, partial = false): Promise<Buffer> {
  const found = await findWal(box.scope, file(name), { partial, origin: '' });
  if (!found) throw new Error('not found');
  const sink = new PassThrough();
  try {
    const delivered = deliverWal(box.scope, found, delivery, sink, { end: true });
    return (await Promise.all([buffer(sink), delivered]))[0];
  } finally {
    await found.handle.close();
  }
}

describe('deliverWal', () => {
  it('hands out no byte of another system that a program must decompress to see', async () => {
    await box.scope.catalog.writeIdentity({ systemid: SYSTEM_ID, version: '15' });
    const put = (facts: { systemId?: string }) => {
      const { stdout } = spawnSync('xz', ['-c'], { input: walSegment(ONE, facts) });
      return writeFile(box.path('wals', HASH, ONE), stdout);
    };
    await put({ systemId: '42' });
    await expect(fetch(ONE, 'plain')).rejects.toThrow(
      `WAL file '${box.path('wals', HASH, ONE)}' comes from system 42, but this archive belongs to system ${SYSTEM_ID}: it is not handed out`,
    );
    await put({});
    expect((await fetch(ONE, 'plain')).equals(walSegment(ONE))).toBe(true);
  });

  const WAL = walSegment(ONE);

  it.each(['gzip', 'bzip2', 'xz'])('gives back the plain WAL from a %s file', async (program) => {
    const packed = spawnSync(program, ['-c'], { input: WAL, maxBuffer: WAL.length }).stdout;
    await writeFile(box.path('wals', HASH, ONE), packed);
    expect((await fetch(ONE, 'plain')).equals(WAL)).toBe(true);
    expect((await fetch(ONE, 'keep')).equals(packed)).toBe(true);
    expect(gunzipSync(await fetch(ONE, 'gzip')).equals(WAL)).toBe(true);
  });

  it('passes on a file that is compressed as wished already', async () => {
    const packed = gzipSync(WAL, { level: 1 });
    await writeFile(box.path('wals', HASH, ONE), packed);
    expect((await fetch(ONE, 'gzip')).equals(packed)).toBe(true);
    expect(
      spawnSync('bzip2', ['-dc'], { input: await fetch(ONE, 'bzip2'), maxBuffer: 2 * WAL.length }).stdout.equals(WAL),
    ).toBe(true);
  });
});
