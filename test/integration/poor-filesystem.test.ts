/** A home on a filesystem without hard links, modes and flushed directories loses nothing: CIFS, vfat, FUSE, appliances. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogHome, recordText } from '../support/catalog-home.ts';
import { buildPoorFilesystem } from '../support/poor-filesystem.ts';
import { makeSandbox, type ProgramResult, type Sandbox } from '../support/sandbox.ts';
import { sumsOf, tarOf } from '../support/tar.ts';
import { segmentName, SYSTEM_ID, walSegment } from '../support/wal-files.ts';

const HASH = '0000000100000000';
const ERRORS = ['EPERM', 'EOPNOTSUPP', 'EIO'] as const;
let box: Sandbox;
let poor: (linkErrno: number) => NodeJS.ProcessEnv;
beforeAll(async () => {
  box = await makeSandbox();
  poor = await buildPoorFilesystem(box.root, box.home);
});
afterAll(() => box.dispose());

const section = (extra = '') =>
  `[pg]\nconninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n${extra}\n`;

async function fresh(extra = ''): Promise<void> {
  await catalogHome(box.home).addRecord('pg', '20261101T040000', recordText());
  for (const folder of ['incoming', 'wals', 'errors']) await mkdir(join(box.home, 'pg', folder), { recursive: true });
  await box.writeConfig(section(extra));
}

const isArchived = (name: string) =>
  readFileSync(join(box.home, 'pg', 'wals', name.slice(0, 16), name)).equals(walSegment(name));

function expectDone(result: ProgramResult): void {
  expect(result).toMatchObject({ code: 0, stderr: '' });
}

describe.each(ERRORS)('where a hard link answers %s', (code) => {
  const number = ERRORS.indexOf(code) * 0x10 + 0x20;
  const name = (offset: number) => segmentName(number + offset);
  const env = () => ({ env: poor(constants.errno[code]) });

  it('archives plain and compressed WAL', async () => {
    for (const [offset, extra] of ['', 'compression = gzip'].entries()) {
      await fresh(extra);
      const segment = walSegment(name(offset));
      await writeFile(join(box.home, 'pg', 'incoming', name(offset)), segment, { mode: 0o600 });
      expectDone(await box.barman(['archive-wal', 'pg'], env()));
      expect(readdirSync(join(box.home, 'pg', 'incoming'))).toEqual([]);
      expectDone(await box.barman(['get-wal', 'pg', name(offset), '-o', box.root]));
      expect(readFileSync(join(box.root, name(offset))).equals(segment)).toBe(true);
      expect(readFileSync(join(box.home, 'pg', 'wals', 'pg-xlog.db'), 'latin1')).toContain(`${name(offset)}\t`);
    }
  });

  it('takes WAL from put-wal, once', async () => {
    await fresh();
    const files = { [name(2)]: walSegment(name(2)) };
    const input = await tarOf([{ name: name(2), content: files[name(2)] ?? '' }, sumsOf(files)]);
    expectDone(await box.barman(['put-wal', 'pg'], { ...env(), input }));
    expectDone(await box.barman(['put-wal', 'pg'], { ...env(), input }));
    expect(readdirSync(join(box.home, 'pg', 'incoming'))).toEqual([name(2)]);
    expectDone(await box.barman(['archive-wal', 'pg'], env()));
    expect(isArchived(name(2))).toBe(true);
  });

  it('queues a refused WAL again, and never over one that waits', async () => {
    await fresh();
    const rejected = join(box.home, 'pg', 'errors', `${name(3)}.20261101T040000Z.duplicate`);
    await writeFile(rejected, walSegment(name(3)));
    const result = await box.barman(['errors', '--resolve', 'pg'], env());
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(join(box.home, 'pg', 'incoming', name(3))).equals(walSegment(name(3)))).toBe(true);
    expect(readdirSync(join(box.home, 'pg', 'errors'))).toEqual([]);
    expectDone(await box.barman(['archive-wal', 'pg'], env()));
  });
});

describe('import', () => {
  it('publishes WAL without links', async () => {
    await box.writeConfig(section());
    const wal = segmentName(1);
    const home = catalogHome(box.home);
    await home.addBackup('pg', '20261101T050000', {
      begin_wal: wal,
      end_wal: wal,
      begin_xlog: '0/100028',
      end_xlog: '0/200000',
      xlog_segment_size: '1048576',
      systemid: SYSTEM_ID,
    });
    const identify = () =>
      writeFile(join(box.home, 'pg', 'identity.json'), JSON.stringify({ systemid: SYSTEM_ID, version: '15' }));
    await identify();
    await writeFile(join(box.home, 'pg', 'incoming', wal), walSegment(wal));
    expectDone(await box.barman(['archive-wal', 'pg']));
    const exported = await box.barman(['export-backup', 'pg', '20261101T050000', box.root]);
    expect(exported).toMatchObject({ code: 0, stderr: '' });
    const tar = readdirSync(box.root).find((entry) => entry.includes('20261101T050000'));
    // The host that it is imported on has nothing yet.
    await rm(join(box.home, 'pg'), { recursive: true });
    await mkdir(join(box.home, 'pg'));
    await identify();
    const imported = await box.barman(['import-backup', 'pg', join(box.root, tar ?? '')], {
      env: poor(constants.errno.EPERM),
    });
    expect(imported).toMatchObject({ code: 0, stderr: '' });
    expect(isArchived(wal)).toBe(true);
    expect(readdirSync(join(box.home, 'pg', 'wals', HASH))).toEqual([wal]);
  });
});
