/** The records of segments that PostgreSQL wrote, against what it says of them itself. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lsnOfSegment, parseWalName } from '../../../../src/domain/wal/wal.ts';
import { parseLsn } from '../../../../src/domain/wal/lsn.ts';
import { recordWalker } from '../../../../src/domain/wal/wal-records.ts';
import { startCluster } from '../../../support/cluster.ts';

const SIZE = 1_048_576;

it('follows every record up to where PostgreSQL is, over pages, full-page images and switches', async () => {
  const cluster = await startCluster({ initdbArgs: ['--wal-segsize=1'], settings: { autovacuum: 'off' } });
  try {
    const first = await cluster.sql('SELECT pg_walfile_name(pg_switch_wal())');
    await cluster.sql(
      'CREATE TABLE t AS SELECT n, repeat(md5(n::text), 50) AS text FROM generate_series(1, 3000) AS n',
    );
    await cluster.sql('CHECKPOINT');
    await cluster.sql("UPDATE t SET text = 'short'; SELECT pg_switch_wal(); DELETE FROM t WHERE n < 9");
    // A record of several segments.
    await cluster.sql(`SELECT pg_logical_emit_message(false, 'test', repeat('x', ${3 * SIZE}))`);
    await cluster.stop('fast');
    const folder = join(cluster.dataDir, 'pg_wal');
    const names = (await readdir(folder)).filter((name) => name.length === 24 && name > first).sort();
    const ends: bigint[] = [];
    for (const name of names) {
      const file = parseWalName(name);
      if (file === undefined) throw new Error(name);
      const walker = recordWalker(file);
      walker.feed(await readFile(join(folder, name)));
      const { end, begin, complete } = walker.finish();
      // Recycled files of the future hold nothing of their own.
      if (begin === 0) continue;
      if (complete === null) ends.push(lsnOfSegment(file, SIZE) + BigInt((end + 7) & ~7));
      else expect([name, complete <= SIZE]).toEqual([name, true]);
    }
    // The one in which PostgreSQL was stopped, and no other, breaks off: at the checkpoint of the shutdown.
    await cluster.start();
    const checkpoint = parseLsn(await cluster.sql('SELECT checkpoint_lsn FROM pg_control_checkpoint()'));
    expect(ends).toHaveLength(1);
    expect(Number((ends[0] ?? 0n) - (checkpoint ?? 0n))).toBe(120);
    expect(names.length).toBeGreaterThan(6);
  } finally {
    await cluster.dispose();
  }
});
