/**
 * Backups of a PostgreSQL on another machine, restored there by ssh and started: every row, and what pg_amcheck says.
 * Where Barman is there, too (BARMAN_REFERENCE), each program restores and builds on what the other took.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { referenceFolder } from '../support/sandbox.ts';
import { destination, secondHost, type SecondHost, startSecondHost } from '../support/second-host.ts';

const HOUR = 3_600_000;
type Program = 'barman' | 'reference';

describe.skipIf(secondHost === undefined)('backups of the second host', { timeout: HOUR }, () => {
  let second: SecondHost;
  beforeAll(async () => {
    second = await startSecondHost();
    await second.configure('backup_method = rsync', 'reuse_backup = link', 'parallel_jobs = 2');
    await second.sql(`ALTER SYSTEM SET archive_command = '${second.client('ours', 'barman-wal-archive')} home pg %p'`);
    await second.sql('SELECT pg_reload_conf()');
    await second.archiveAll();
  }, HOUR);
  afterAll(() => second?.dispose(), HOUR);

  /** Takes a backup while pgbench runs; its id. */
  async function backup(program: Program): Promise<string> {
    const { box } = second.here;
    const load = second.load(10, '-R', '200');
    const result = await box[program](['backup', '--wait', 'pg']);
    expect(await load).toBeGreaterThan(100);
    expect(result, `${result.stdout}${result.stderr}`).toMatchObject({ code: 0 });
    // A line of its own, so that the numbers of a run can be read.
    process.stdout.write(`${program}: ${/^Backup size.*|^Copy done.*/m.exec(result.stdout)?.[0] ?? ''}\n`);
    return (
      (await readdir(second.here.path('base')))
        .filter((name) => /^\d{8}T\d{6}$/.test(name))
        .sort()
        .at(-1) ?? ''
    );
  }

  /** Restores it there, starts it, compares every row with the original and checks every relation. */
  async function rowsComeBack(program: Program, id: string, ...options: readonly string[]): Promise<void> {
    await second.archiveAll();
    const expected = await second.digest();
    const { dataDir, args } = destination(second, id);
    const started = performance.now();
    const result = await second.here.box[program]([...args, ...options]);
    expect(result, `${result.stdout}${result.stderr}`).toMatchObject({ code: 0 });
    const restored = performance.now();
    const port = await second.start(dataDir);
    try {
      await eventually(
        'recovery ends',
        async () => (await second.sql('SELECT pg_is_in_recovery()', port)) === 'f',
        300,
      );
      process.stdout.write(
        `${program}: restored ${id} ${options.join(' ')} in ${Math.round(restored - started)} ms, recovered in ${Math.round(performance.now() - restored)} ms: ${expected}\n`,
      );
      expect(await second.digest(port)).toBe(expected);
      const places = await second.sql(
        "SELECT string_agg(pg_tablespace_location(oid), ' ' ORDER BY spcname) FROM pg_tablespace WHERE spcname IN ('far', 'near')",
        port,
      );
      expect(places).toBe(dataDir.replace(/^(.*)\/d$/, '$1/far $1/near'));
      await second.sql('CREATE EXTENSION IF NOT EXISTS amcheck', port);
      await second.amcheck(port);
      if (options.includes('--get-wal')) return;
      // Promoted and stopped, it is made equal to the backup again.
      await second.stop(dataDir);
      const again = performance.now();
      const delta = await second.here.box.barman([...args, '--delta-restore']);
      expect(delta, `${delta.stdout}${delta.stderr}`).toMatchObject({ code: 0 });
      process.stdout.write(`barman: restored ${id} --delta-restore in ${Math.round(performance.now() - again)} ms\n`);
      const next = await second.start(dataDir);
      await eventually(
        'recovery ends',
        async () => (await second.sql('SELECT pg_is_in_recovery()', next)) === 'f',
        300,
      );
      expect(await second.digest(next)).toBe(expected);
    } finally {
      await second.stop(dataDir);
      await second.sh('rm -rf "$1"', join(dataDir, '..'));
    }
  }

  /** How many files of a backup are also in an earlier one, and how many there are. */
  async function linked(id: string): Promise<{ linked: number; files: number }> {
    const counts = { linked: 0, files: 0 };
    const root = second.here.path('base', id);
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      counts.files += 1;
      if ((await stat(join(entry.parentPath, entry.name))).nlink > 1) counts.linked += 1;
    }
    process.stdout.write(`${id}: ${counts.linked} of ${counts.files} files are links\n`);
    return counts;
  }

  let full: string;
  it('by rsync, in full and with links', async () => {
    expect((await second.here.box.barman(['check', 'pg'])).stdout).not.toContain('FAILED (');
    full = await backup('barman');
    const next = await backup('barman');
    const { linked: same, files } = await linked(next);
    expect(same).toBeGreaterThan(files / 2);
    await rowsComeBack('barman', full);
    await rowsComeBack('barman', next);
  });

  it('recovered by get-wal, with our client as restore_command', async () => {
    await rowsComeBack('barman', full, '--get-wal', '-j', '2');
  });

  it.skipIf(referenceFolder === undefined)('shared with Barman: each restores and builds on the other’s', async () => {
    const theirs = await backup('reference');
    expect((await linked(theirs)).linked).toBeGreaterThan(500);
    const ours = await backup('barman');
    expect((await linked(ours)).linked).toBeGreaterThan(500);
    await rowsComeBack('barman', theirs);
    await rowsComeBack('reference', ours);
    await rowsComeBack('reference', full, '--get-wal');
  });

  it('by pg_basebackup', async () => {
    await second.configure('backup_method = postgres');
    const ours = await backup('barman');
    await rowsComeBack('barman', ours);
    if (referenceFolder === undefined) return;
    const theirs = await backup('reference');
    await rowsComeBack('barman', theirs);
    await rowsComeBack('reference', ours);
  });
});
