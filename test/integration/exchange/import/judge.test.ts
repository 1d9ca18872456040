import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { conflicting } from '../../../../src/exchange/import/judge.ts';
import { stagedWal } from '../../../../src/exchange/import/staging.ts';
import { segmentName, walSegment } from '../../../support/wal-files.ts';
import { openWalServer } from '../../../support/wal-server.ts';

it('compares WAL by a filter whose program is found in path_prefix only', async () => {
  const tools = await mkdtemp(join(tmpdir(), 'barman-tools-'));
  await writeFile(join(tools, 'unmask-wal'), "#!/bin/sh\nexec tr '\\001-\\377\\000' '\\000-\\377'\n", { mode: 0o755 });
  const filters = 'custom_compression_filter = mask-wal\ncustom_decompression_filter = unmask-wal';
  const pg = await openWalServer(`path_prefix = ${tools}\ncompression = custom\n${filters}`);
  try {
    const [one, two] = [segmentName(1), segmentName(2)];
    const put = async (path: string, content: Uint8Array) => {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    };
    const masked = walSegment(one).map((byte) => byte + 1);
    for (const name of [one, two]) {
      await put(stagedWal(pg.root, name), walSegment(name));
      await put(pg.scope.catalog.walStore.locate(name), masked);
    }
    const records = [one, two].map((name) => ({ name, size: 1_048_576, time: 0, compression: null, encryption: null }));
    expect(await conflicting(pg.scope, pg.root, records)).toEqual([two]);
  } finally {
    await pg.dispose();
    await rm(tools, { recursive: true });
  }
});
