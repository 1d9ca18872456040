import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type QueueKind, scanQueue } from '../../../../src/wal/archive/queue.ts';
import { segmentName } from '../../../support/wal-files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'barman-queue-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const [A, B, C, D] = [1, 2, 3, 4].map((number) => segmentName(number)) as [string, string, string, string];

async function scan(kind: QueueKind, batchSize: number, ...names: readonly string[]) {
  for (const name of names) await writeFile(join(folder, name), '');
  const queue = await scanQueue(kind, folder, batchSize);
  return {
    total: queue.total,
    files: queue.files.map(({ name }) => name),
    unknown: queue.unknown,
    stale: queue.stalePartials,
  };
}

describe('file archival', () => {
  it('takes everything in byte order, without hidden and temporary files', async () => {
    const label = `${A}.00000028.backup`;
    expect(
      await scan('file archival', 0, B, A, label, `${C}.partial`, '00000002.history', '.hidden', 'x.tmp', 'odd'),
    ).toEqual({
      total: 7,
      files: [A, label, B, `${C}.partial`, '00000002.history'],
      unknown: ['odd'],
      stale: [],
    });
  });

  it('counts the batch without temporary files, so that they cannot block it', async () => {
    expect(await scan('file archival', 1, '0.tmp', A, B)).toEqual({ total: 3, files: [A], unknown: [], stale: [] });
  });

  it('knows a WAL file by more than its name', async () => {
    await mkdir(join(folder, A));
    await symlink('/etc/hosts', join(folder, B));
    expect(await scan('file archival', 0)).toEqual({ total: 2, files: [], unknown: [A, B], stale: [] });
  });

  it('is empty where there is no directory', async () => {
    expect(await scanQueue('file archival', join(folder, 'none'), 0)).toMatchObject({ total: 0, files: [] });
  });
});

describe('streaming', () => {
  it('leaves the last file when nothing tells which one is written', async () => {
    expect(await scan('streaming', 0, A, B, C)).toEqual({ total: 3, files: [A, B], unknown: [], stale: [] });
  });

  it('takes all complete files beside a partial one', async () => {
    expect(await scan('streaming', 0, A, B, `${C}.partial`)).toEqual({
      total: 3,
      files: [A, B],
      unknown: [],
      stale: [],
    });
  });

  it('takes older partial files after the complete ones', async () => {
    expect(await scan('streaming', 0, `${A}.partial`, B, `${C}.partial`, `${D}.partial`, 'junk')).toEqual({
      total: 5,
      files: [B, `${A}.partial`, `${C}.partial`],
      unknown: ['junk'],
      stale: [`${A}.partial`, `${C}.partial`],
    });
  });

  it('takes one less than the batch says, but never none', async () => {
    expect((await scan('streaming', 3, A, B, C, `${D}.partial`)).files).toEqual([A, B]);
    expect((await scan('streaming', 2)).files).toEqual([A]);
    expect((await scan('streaming', 1)).files).toEqual([A]);
  });
});
