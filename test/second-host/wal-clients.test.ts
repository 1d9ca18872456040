/**
 * The client programs on another machine: WAL that is archived while the client is killed, standbys that follow by
 * barman-wal-restore. Where Barman is at both ends (BARMAN_REFERENCE here, BARMAN_SECOND_HOST_BARMAN there), in every pairing.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Running, startBarman } from '../support/archiving-server.ts';
import { eventually } from '../support/eventually.ts';
import { referenceFolder } from '../support/sandbox.ts';
import {
  destination,
  loadSeconds,
  referenceThere,
  secondHost,
  type SecondHost,
  startSecondHost,
} from '../support/second-host.ts';

const HOUR = 3_600_000;
type Make = 'ours' | 'reference';
/** [client there, Barman here] */
type Pair = readonly [Make, Make];
const isPossible = ([client, barman]: Pair) =>
  (client === 'ours' || referenceThere !== undefined) && (barman === 'ours' || referenceFolder !== undefined);
const PAIRS = (
  [
    ['ours', 'ours'],
    ['ours', 'reference'],
    ['reference', 'ours'],
  ] as const
).filter(isPossible);

describe.skipIf(secondHost === undefined)('client programs on the second host', { timeout: HOUR }, () => {
  let second: SecondHost;
  let receiver: Running | undefined;
  beforeAll(async () => {
    second = await startSecondHost();
    await second.configure(
      'backup_method = postgres',
      'streaming_archiver = on',
      'slot_name = barman',
      'create_slot = auto',
    );
    await second.sql('CREATE TABLE mark (n int)');
  }, HOUR);
  afterAll(async () => {
    receiver?.child.kill('SIGTERM');
    await receiver?.end;
    await second?.dispose();
  }, HOUR);

  async function archiveWith(client: Make, options = ''): Promise<void> {
    const command = `${second.client(client, 'barman-wal-archive')} ${options} home pg %p`;
    await second.sql(`ALTER SYSTEM SET archive_command = '${command}'`);
    await second.sql('SELECT pg_reload_conf()');
  }

  /** Kills what the archiver runs, now and then, until told to end; resolves to how often. */
  async function killClients(until: AbortSignal): Promise<number> {
    const script =
      'for pid in $(pgrep -P "$1"); do kill -9 $(pgrep -P "$pid") "$pid" 2>/dev/null && echo killed; done; true';
    let kills = 0;
    while (!until.aborted) {
      // PostgreSQL starts its archiver once in ten seconds at most.
      await sleep(6_000 + Math.random() * 8_000);
      const archiver = await second.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'archiver'");
      if (archiver !== '') kills += (await second.sh(script, archiver)) === '' ? 0 : 1;
    }
    return kills;
  }

  /** Every segment that PostgreSQL calls archived, by its digest over there and here. */
  async function compareArchive(barman: Make): Promise<number> {
    const stored = await second.here.box[barman === 'ours' ? 'barman' : 'reference'](['archive-wal', 'pg']);
    expect(stored.code, stored.stderr).toBe(0);
    const script = 'cd "$1/pg_wal" && for f in archive_status/*.done; do f=${f##*/}; sha256sum "${f%.done}"; done';
    const lines = (await second.sh(script, second.dataDir)).split('\n').map((line) => line.split(/\s+/));
    const faults: string[] = [];
    for (const [digest, name = ''] of lines) {
      const folder = name.endsWith('.history') ? '' : name.slice(0, 16);
      const bytes = await readFile(second.here.path('wals', folder, name)).catch(() => null);
      if (bytes === null) faults.push(`${name} is missing`);
      else if (createHash('sha256').update(bytes).digest('hex') !== digest) faults.push(`${name} differs`);
    }
    expect(faults).toEqual([]);
    return lines.length;
  }

  it.each(PAIRS)('archive without a loss while they are killed: client %s, Barman %s', async (client, barman) => {
    await second.here.answerWith(barman);
    await archiveWith(client, client === 'ours' ? '' : '--md5');
    const end = new AbortController();
    const switching = (async () => {
      while (!end.signal.aborted) {
        // No more than the archiver can catch up with.
        if ((await second.waiting()) < 8) await second.sql('SELECT pg_switch_wal()');
        await sleep(500);
      }
    })();
    const killing = killClients(end.signal);
    const transactions = await second.load(loadSeconds, '-R', '300');
    end.abort();
    const [kills] = await Promise.all([killing, switching]);
    await second.archiveAll();
    const count = await compareArchive(barman);
    const failed = await second.sql('SELECT failed_count FROM pg_stat_archiver');
    process.stdout.write(
      `${client} -> ${barman}: ${transactions} transactions, ${kills} kills, ${failed} failures so far, ${count} WAL files, 0 missing, 0 different\n`,
    );
    expect(kills).toBeGreaterThan(0);
  });

  const standbys = PAIRS.flatMap(
    ([client, barman]) =>
      [
        [client, barman, '-P'],
        [client, barman, '-P -p 4'],
      ] as const,
  );
  it.each(standbys)('follow as a standby: client %s, Barman %s, %s', async (client, barman, options) => {
    await second.here.answerWith(barman);
    await archiveWith('ours');
    await second.archiveAll();
    receiver ??= startBarman(second.here.box, ['receive-wal', 'pg']);
    const { box } = second.here;
    if ((await box.barman(['list-backups', '--minimal', 'pg'])).stdout === '') {
      const taken = await box.barman(['backup', '--wait', 'pg']);
      expect(taken, taken.stderr).toMatchObject({ code: 0 });
    }
    const { dataDir, args } = destination(second, 'latest');
    const restored = await box.barman([...args, '--standby-mode', '--get-wal']);
    expect(restored, restored.stderr).toMatchObject({ code: 0 });
    const spool = `--spool-dir ${join(dataDir, '..', 'spool')}`;
    const command = `${second.client(client, 'barman-wal-restore')} ${options} ${options.includes('-p ') ? spool : ''} home pg %f %p`;
    await second.sh(
      'mkdir -m 700 "$1/../spool"; echo "$2" >> "$1/postgresql.auto.conf"',
      dataDir,
      `restore_command = '${command}'`,
    );
    const port = await second.start(dataDir);
    try {
      await second.load(10, '-R', '300');
      const number = await second.sql('INSERT INTO mark SELECT coalesce(max(n), 0) + 1 FROM mark RETURNING n');
      const committed = performance.now();
      const mark = number.split('\n')[0];
      // With -p Barman's client never asks for the partial file.
      if (client === 'reference' && options.includes('-p ')) await second.archiveAll();
      await eventually(
        'the standby has the last commit',
        async () => (await second.sql('SELECT max(n) FROM mark', port).catch(() => '')) === mark,
        300,
      );
      process.stdout.write(
        `standby, ${client} -> ${barman} ${options}: last commit after ${Math.round(performance.now() - committed)} ms\n`,
      );
      expect(await second.digest(port)).toBe(await second.digest());
      expect(await second.sql('SELECT pg_is_in_recovery()', port)).toBe('t');
    } finally {
      await second.stop(dataDir);
      await second.sh('rm -rf "$1"', join(dataDir, '..'));
    }
  });
});
