/** Looking WAL files up and handing them out. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run as getWal } from '../../../src/commands/get-wal.ts';
import { emptyBackupInfo } from '../../../src/domain/backup/backup-info.ts';
import { parseWalName, type WalFile } from '../../../src/domain/wal/wal.ts';
import { type Delivery, deliverWal, findWal, peekWals } from '../../../src/wal/fetch.ts';
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

async function find(name: string, partial = false): Promise<string | undefined> {
  const found = await findWal(box.scope, file(name), { partial, origin: '' });
  await found?.handle.close();
  return found?.path.slice(box.path().length + 1);
}

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

describe('findWal', () => {
  it('prefers the archive, then incoming, then streaming', async () => {
    expect(await find(ONE)).toBeUndefined();
    await box.put('streaming', ONE, walSegment(ONE));
    expect(await find(ONE)).toBe(`streaming/${ONE}`);
    await box.put('incoming', ONE, walSegment(ONE));
    expect(await find(ONE)).toBe(`incoming/${ONE}`);
    await writeFile(box.path('wals', HASH, ONE), walSegment(ONE));
    expect(await find(ONE)).toBe(`wals/${HASH}/${ONE}`);
  });

  it('takes partial files only when asked to, and complete ones before them', async () => {
    await writeFile(box.path('wals', HASH, `${ONE}.partial`), 'archived');
    expect(await find(ONE)).toBeUndefined();
    expect(await find(ONE, true)).toBe(`wals/${HASH}/${ONE}.partial`);
    await box.put('streaming', `${ONE}.partial`, 'streamed');
    expect(await find(ONE, true)).toBe(`streaming/${ONE}.partial`);
    await box.put('streaming', ONE, walSegment(ONE));
    expect(await find(ONE, true)).toBe(`streaming/${ONE}`);
    expect(await find(`${ONE}.partial`)).toBe(`wals/${HASH}/${ONE}.partial`);
  });

  it('passes over a copy that is empty or cut', async () => {
    await writeFile(box.path('wals', HASH, ONE), '');
    await box.put('incoming', ONE, walSegment(ONE).subarray(0, 5000));
    await box.put('streaming', ONE, walSegment(ONE));
    expect(await find(ONE)).toBe(`streaming/${ONE}`);
    expect(box.said()).toEqual([
      `WARNING: WAL file '${box.path('wals', HASH, ONE)}' is empty: passed over`,
      `WARNING: WAL file '${box.path('incoming', ONE)}' has only 5000 of 1048576 bytes: passed over`,
    ]);
  });

  it.each([
    ['plain', (bytes: Buffer) => bytes],
    ['compressed', (bytes: Buffer) => gzipSync(bytes)],
  ])('passes over a copy of another system, %s, but takes those of older backups', async (_how, form) => {
    await box.scope.catalog.writeIdentity({ systemid: SYSTEM_ID, version: '15' });
    await writeFile(box.path('wals', HASH, ONE), form(walSegment(ONE, { systemId: '42' })));
    expect(await find(ONE)).toBeUndefined();
    await box.put('incoming', ONE, walSegment(ONE));
    expect(await find(ONE)).toBe(`incoming/${ONE}`);
    expect(box.said()[0]).toBe(
      `WARNING: WAL file '${box.path('wals', HASH, ONE)}' comes from system 42, but this archive belongs to system ${SYSTEM_ID}: passed over`,
    );
    await box.scope.catalog.saveBackup({ ...emptyBackupInfo('20261101T040000'), systemid: '42' });
    expect(await find(ONE)).toBe(`wals/${HASH}/${ONE}`);
  });

  it('does not hand out what is encrypted as if it were WAL', async () => {
    await writeFile(box.path('wals', HASH, ONE), Buffer.from('85010c03aabbccdd', 'hex'));
    await expect(find(ONE)).rejects.toThrow(
      `Encrypted WAL file '${ONE}' detected, but no 'encryption_passphrase_command' is configured.`,
    );
  });
});

describe('deliverWal', () => {
  const WAL = walSegment(ONE);

  it('never compresses a partial file, and decompresses one that is archived', async () => {
    await box.put('streaming', `${ONE}.partial`, 'partial');
    expect((await fetch(ONE, 'gzip', true)).toString()).toBe('partial');
    await rm(box.path('streaming', `${ONE}.partial`));
    await writeFile(box.path('wals', HASH, `${ONE}.partial`), gzipSync('archived'));
    expect((await fetch(ONE, 'plain', true)).toString()).toBe('archived');
    expect((await fetch(ONE, 'keep', true)).equals(gzipSync('archived'))).toBe(true);
  });

  it('fails when the reader goes away, at the pace of the reader', async () => {
    await writeFile(box.path('wals', HASH, ONE), WAL);
    const found = await findWal(box.scope, file(ONE), { partial: false, origin: '' });
    if (!found) throw new Error('not found');
    let taken = 0;
    const reader = new Writable({
      write(chunk: Buffer, _encoding, done) {
        taken += chunk.length;
        setTimeout(() => done(new Error('gone')), 10);
      },
    });
    await expect(deliverWal(box.scope, found, 'plain', reader, { end: false })).rejects.toThrow('gone');
    expect(taken).toBeLessThanOrEqual(WAL.length);
    await found.handle.close();
  });

  it('fails on a damaged file instead of ending early', async () => {
    const packed = gzipSync(WAL);
    packed.fill(0xff, packed.length - 4000, packed.length - 3000);
    await writeFile(box.path('wals', HASH, ONE), packed);
    await expect(fetch(ONE, 'plain')).rejects.toThrow();
  });
});

describe('peekWals', () => {
  const peek = async (name: string, limit: number) => peekWals(box.scope, file(name), limit);
  const touch = (...names: string[]) => Promise.all(names.map((name) => box.put('incoming', name, '')));

  it('lists without gaps and not more than wished', async () => {
    await touch(segmentName(1), segmentName(2), segmentName(3), segmentName(5));
    expect(await peek(segmentName(1), 10)).toEqual([segmentName(1), segmentName(2), segmentName(3)]);
    expect(await peek(segmentName(1), 2)).toEqual([segmentName(1), segmentName(2)]);
    expect(await peek(segmentName(4), 2)).toEqual([]);
  });

  it('goes on in the next log, whatever the segment size', async () => {
    await touch('0000000100000000000000FF', '000000010000000100000000', '000000010000000100000001');
    expect(await peek('0000000100000000000000FF', 9)).toEqual([
      '0000000100000000000000FF',
      '000000010000000100000000',
      '000000010000000100000001',
    ]);
    await touch('000000020000000000000FFF', '000000020000000100000000');
    expect(await peek('000000020000000000000FFF', 9)).toEqual(['000000020000000000000FFF', '000000020000000100000000']);
  });

  it('knows files that are no segments by their name alone', async () => {
    await touch('00000002.history');
    expect(await peek('00000002.history', 9)).toEqual(['00000002.history']);
  });
});

describe('the command', () => {
  const run = (walName: string, options: Parameters<typeof getWal>[1] | object = {}, env = {}) =>
    getWal({ ...box.scope, env: { ...box.scope.env, ...env } }, { serverName: 'pg', walName, ...options });

  it('writes a whole file or none', async () => {
    const outputDirectory = join(box.root, 'out');
    await mkdir(outputDirectory);
    await run(ONE, { outputDirectory });
    expect(box.said()).toEqual([`ERROR: WAL file '${ONE}' not found in server 'pg'`]);
    expect(await box.names('..', '..', 'out')).toEqual([]);
    const packed = gzipSync(walSegment(ONE));
    packed.fill(0xff, packed.length - 4000, packed.length - 3000);
    await writeFile(box.path('wals', HASH, ONE), packed);
    await expect(run(ONE, { outputDirectory })).rejects.toThrow();
    expect(await box.names('..', '..', 'out')).toEqual([]);
    await writeFile(box.path('wals', HASH, ONE), gzipSync(walSegment(ONE)));
    box.said();
    await run(ONE, { outputDirectory });
    expect(box.said()).toEqual([`Sending WAL '${ONE}' for server 'pg' into '${join(outputDirectory, ONE)}' file`]);
    expect(await box.names('..', '..', 'out')).toEqual([ONE]);
    expect((await readFile(join(outputDirectory, ONE))).equals(walSegment(ONE))).toBe(true);
  });

  it('names the ssh client in its errors', async () => {
    await run('../passwd', {}, { SSH_CONNECTION: '192.0.2.7 1 192.0.2.8 22' });
    await run(ONE, {}, { SSH_CONNECTION: '192.0.2.7 1 192.0.2.8 22' });
    await run(ONE, { outputDirectory: '/nonexistent' }, { SSH_CONNECTION: '192.0.2.7 1 192.0.2.8 22' });
    expect(box.said()).toEqual([
      "ERROR: '../passwd' is not a valid wal file name (SSH host: 192.0.2.7)",
      `ERROR: WAL file '${ONE}' not found in server 'pg' (SSH host: 192.0.2.7)`,
      `ERROR: Unable to open '/nonexistent/${ONE}' file (SSH host: 192.0.2.7): [Errno 2] No such file or directory: '/nonexistent/${ONE}'`,
    ]);
  });

  it('answers --test without looking, and refuses options that exclude each other', async () => {
    await run('anything', { test: true });
    await run('anything', { gzip: true, keepCompression: true });
    expect(box.said()).toEqual([
      'Ready to retrieve WAL files from the server pg',
      'ERROR: argument `gzip` not allowed with argument `keep-compression`',
    ]);
  });
});
