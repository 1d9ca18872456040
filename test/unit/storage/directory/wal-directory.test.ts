import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWalDirectory } from '../../../../src/storage/directory/wal-directory.ts';
import type { Misplaced, WalStore } from '../../../../src/storage/wal-store.ts';
import { makeDirectoryStore } from '../../../support/directory-store.ts';
import { describeWalStore } from '../../../support/wal-store-conformance.ts';

// Special files take a program: test/integration has them.
describeWalStore('hash directories', () => makeDirectoryStore());

describe('hash directories under wals_directory', () => {
  const A = '00000001000000000000000A';
  const B = '00000001000000000000000B';
  let root: string;
  let store: WalStore;
  const write = (name: string, text = name) => {
    mkdirSync(dirname(store.locate(name)), { recursive: true });
    writeFileSync(store.locate(name), text);
  };

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'barman-wals-'));
    store = openWalDirectory({ root, isForeign: (name) => name.startsWith('pg-xlog.db') });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('puts files where Barman does', () => {
    expect(store.locate(`${A}.00000028.backup`)).toBe(join(root, '0000000100000000', `${A}.00000028.backup`));
    expect(store.locate('00000002.history')).toBe(join(root, '00000002.history'));
    expect(store.localPath(A)).toBe(store.locate(A));
  });

  it('removes an empty directory and keeps one that holds anything, and its root', async () => {
    for (const name of [A, '000000010000000100000001', '00000002.history']) write(name);
    writeFileSync(join(root, '0000000100000001', 'notes'), 'not ours');
    const removal = store.removal();
    for (const name of [A, '000000010000000100000001', '00000002.history']) await removal.remove(name);
    await removal.settle();
    expect(readdirSync(root)).toEqual(['0000000100000001']);
    rmSync(join(root, '0000000100000001'), { recursive: true });
    const last = store.removal();
    await last.remove('00000002.history');
    await last.settle();
    expect(existsSync(root)).toBe(true);
  });

  it('removes nothing through a link', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'barman-elsewhere-'));
    writeFileSync(join(elsewhere, A), 'not ours');
    symlinkSync(elsewhere, join(root, '0000000100000000'));
    const removal = store.removal();
    await expect(removal.remove(A)).rejects.toThrow(`'${join(root, '0000000100000000')}' is a symbolic link`);
    await removal.settle();
    expect(readdirSync(elsewhere)).toEqual([A]);
    rmSync(elsewhere, { recursive: true });
  });

  it('says what lies where it does not belong', async () => {
    write(B);
    writeFileSync(join(root, A), 'astray');
    writeFileSync(join(root, 'pg-xlog.db'), 'of the catalog');
    writeFileSync(join(root, '0000000100000000', `${A}.tmp`), 'half');
    writeFileSync(join(root, '0000000100000000', 'notes'), 'not ours');
    const told: Misplaced[] = [];
    const listed: string[] = [];
    for await (const { name } of store.list({ onMisplaced: (thing) => told.push(thing) })) listed.push(name);
    expect(listed).toEqual([B]);
    expect(told).toEqual([
      {
        name: `${A}.tmp`,
        location: join(root, '0000000100000000', `${A}.tmp`),
        reason: 'temporary',
      },
      { name: 'notes', location: join(root, '0000000100000000', 'notes'), reason: 'file' },
      { name: A, location: join(root, A), reason: 'file', belongs: '0000000100000000' },
    ]);
  });

  it('links a file of its filesystem, and a copy has its permissions and time', async () => {
    const { open } = await import('node:fs/promises');
    const path = join(root, 'waiting');
    writeFileSync(path, 'plain', { mode: 0o640 });
    utimesSync(path, 1_795_228_542.25, 1_795_228_542.25);
    const handle = await open(path, 'r');
    const source = { handle, path, stats: await handle.stat({ bigint: true }) };
    const write = async (target: typeof handle) => target.writeFile('packed');
    const writer = store.writer();
    const linked = await (await writer.prepare({ name: A, source, isSource: true, write })).publish();
    const copied = await (await writer.prepare({ name: B, source, isSource: false, write })).publish();
    await handle.close();
    expect([linked, copied]).toEqual([
      { size: 5, mtimeNs: 1_795_228_542_250_000_000n, isLinked: true },
      { size: 6, mtimeNs: 1_795_228_542_250_000_000n, isLinked: false },
    ]);
    expect(statSync(store.locate(A)).ino).toBe(statSync(path).ino);
    expect(statSync(store.locate(B))).toMatchObject({ mode: 0o100640, mtimeMs: 1_795_228_542_250 });
  });
});
