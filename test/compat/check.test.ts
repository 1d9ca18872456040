/** check, status and replication-status beside the reference: same words, same streams, same exit codes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lockHolder } from '../../src/host/lock.ts';
import { eventually } from '../support/eventually.ts';
import { withoutReasons } from './answers/differences.ts';
import { type Cluster, clusterAt, freePort, startCluster, temporaryFolder } from '../support/cluster.ts';
import { catalogHome } from '../support/catalog-home.ts';
import { makeSandbox, type ProgramResult, referenceFolder, type Sandbox } from '../support/sandbox.ts';

const FIXTURE = new URL('../fixtures/check/done.backup.info', import.meta.url);
const LAST_WAL = '00000001000000000000000D';

describe.skipIf(referenceFolder === undefined)('check, status and replication-status', () => {
  let cluster: Cluster;
  let deadPort: number;
  let ours: Sandbox;
  let theirs: Sandbox;

  beforeAll(async () => {
    cluster = await startCluster({ settings: { archive_mode: 'on', archive_command: '/bin/true', autovacuum: 'off' } });
    deadPort = await freePort();
    await cluster.sql("CREATE ROLE locked SUPERUSER LOGIN PASSWORD 'right'; CREATE ROLE nopriv LOGIN");
    const hba = join(cluster.dataDir, 'pg_hba.conf');
    const lines = await readFile(hba, 'utf8');
    await writeFile(
      hba,
      `host all locked 127.0.0.1/32 scram-sha-256\nhost replication locked 127.0.0.1/32 scram-sha-256\n${lines}`,
    );
    await cluster.sql('SELECT pg_reload_conf()');
    [ours, theirs] = [await makeSandbox(), await makeSandbox()];
  });
  afterAll(async () => {
    await cluster?.dispose();
    await ours?.dispose();
    await theirs?.dispose();
  });

  const conninfo = (user = 'barman', port = cluster.port) => `host=127.0.0.1 port=${port} user=${user} dbname=postgres`;
  const streaming = (extra = '', user = 'streaming_barman', port = cluster.port) => `
    streaming_conninfo = ${conninfo(user, port)}
    backup_method = postgres
    streaming_archiver = on
    slot_name = barman
    path_prefix = ${cluster.binDir}
    ${extra}`;
  const section = (name: string, text: string) => `[${name}]\n${text.replaceAll(/^[ \t]+/gm, '')}\n`;

  /** Writes the same configuration for both and fills both homes the same way. */
  const setUp = async (text: (box: Sandbox) => string, fill?: (box: Sandbox) => Promise<void>) => {
    for (const box of [ours, theirs]) {
      await box.writeConfig(text(box));
      await fill?.(box);
    }
  };

  const slot = async (reserve: boolean) => {
    await cluster.sql(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'barman'",
    );
    await cluster.sql(`SELECT pg_create_physical_replication_slot('barman', ${reserve})`);
  };

  const normal = (box: Sandbox, { code, stdout, stderr }: ProgramResult) => {
    const tidy = (out: string) =>
      out
        .replaceAll(box.root, '<root>')
        // Ours alone: the statements that grant what a role lacks.
        .replace(/^\tmissing privileges: FAILED \(.*\)\n/m, '')
        .replace(/, missing privileges(?=,|$)/m, '')
        .replace(/^.*\.missing privileges: FAILED \(.*\)\n/m, '')
        .replace(/"missing_privileges": \{[^}]*\}, /, '')
        // Ours alone: where the option stands.
        .replaceAll(/ \(remove it: [^)]*, line \d+\)/g, '')
        .replaceAll(/latest (backup|wal) age: [^)"]*\d[^)"]*/g, 'latest $1 age: <age>')
        .replaceAll(/\d+\.\d+\/hour/g, '<rate>/hour');
    return { code, stdout: tidy(stdout), stderr: tidy(stderr) };
  };

  /** Runs both programs and demands the same; returns what they said. */
  const same = (...args: readonly string[]) => compare(args, (text) => text);
  /** Where PostgreSQL does not answer we say why, and claim nothing of its slot. */
  const sameButReasons = (...args: readonly string[]) => compare(args, withoutReasons);
  const compare = async (args: readonly string[], compared: (text: string) => string) => {
    const one = async (box: Sandbox, run: Promise<ProgramResult>) => {
      const answer = normal(box, await run);
      return { ...answer, stdout: compared(answer.stdout) };
    };
    const ask = () => Promise.all([one(theirs, theirs.reference(args)), one(ours, ours.barman(args))]);
    let [theirAnswer, ourAnswer] = await ask();
    // PostgreSQL may have written a record of its own between the two runs: the positions differ, nothing else.
    for (let tries = 0; tries < 3 && args.includes('replication-status'); tries++) {
      if (ourAnswer.stdout === theirAnswer.stdout) break;
      [theirAnswer, ourAnswer] = await ask();
    }
    expect(ourAnswer).toEqual(theirAnswer);
    return ourAnswer;
  };

  /** A catalog with one backup of two hours ago and some WAL. */
  const withBackup = (server: string) => async (box: Sandbox) => {
    const home = join(box.home, server);
    const id = '20261121T023531';
    for (const folder of ['meta', 'wals', 'incoming', 'streaming', 'errors', `base/${id}`]) {
      await mkdir(join(home, folder), { recursive: true });
    }
    const info = (await readFile(FIXTURE, 'utf8')).replace(/^server_name=.*/m, `server_name=${server}`);
    await writeFile(join(home, 'meta', `${id}-backup.info`), info);
    await catalogHome(box.home).addProofs(server, id, info);
    const line = (name: string, size: number) => `${name}\t${size}\t1795228535.19\tNone\tNone\n`;
    const index =
      line('00000001000000000000000A', 1_048_576) + line('00000001000000000000000B', 1_048_576) + line(LAST_WAL, 2048);
    await writeFile(join(home, 'wals', `${server}-xlog.db`), index);
  };

  const everyFormat = async (server: string, ask = same) => {
    await ask('check', server);
    await ask('check', '--nagios', server);
    await ask('-f', 'json', 'check', server);
    await same('status', server);
    await same('-f', 'json', 'status', server);
  };

  it('a streaming server whose slot is missing', async () => {
    await setUp(() => section('main', `conninfo = ${conninfo()}\ncheck_timeout = 3\n${streaming()}`));
    const { stdout } = await same('check', 'main');
    expect(stdout).toContain("replication slot: FAILED (replication slot 'barman' doesn't exist.");
    await same('status', 'main');
    await same('-f', 'json', 'status', 'main');
    await same('replication-status', 'main');
  });

  it('a streaming server with a backup, its slot empty, idle and in use', async () => {
    await setUp(
      () => section('main', `conninfo = ${conninfo()}\n${streaming('description = The main one')}`),
      withBackup('main'),
    );
    await slot(false);
    expect((await same('check', 'main')).stdout).toContain("slot 'barman' not initialised: is 'receive-wal' running?");
    await slot(true);
    expect((await same('check', 'main')).stdout).toContain("slot 'barman' not active: is 'receive-wal' running?");
    const receivers = await Promise.all([ours, theirs].map((box, index) => receive(box, index === 0)));
    try {
      const streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
      await eventually('it streams', async () => (await cluster.sql(streaming)) === '1');
      const { stdout, code } = await same('check', 'main');
      expect({ code, failed: stdout.includes('FAILED') }).toEqual({ code: 0, failed: false });
      await everyFormat('main');
      await replicationFormats('main');
      await same('--color', 'always', 'check', 'main');
      expect((await same('-q', 'check', 'main')).stdout).toBe('');
    } finally {
      await Promise.all(receivers.map(stop));
    }
    await cluster.sql("SELECT pg_drop_replication_slot('barman')");
  });

  it('the archiver, with a slot that nobody needs', async () => {
    await slot(true);
    await cluster.sql('SELECT pg_switch_wal()');
    await cluster.sql('CHECKPOINT');
    await sleep(1500);
    await setUp(
      () =>
        section(
          'arch',
          `conninfo = ${conninfo()}\narchiver = on\nbackup_method = local-rsync\nbackup_options = concurrent_backup
          slot_name = barman\npath_prefix = ${cluster.binDir}`,
        ),
      withBackup('arch'),
    );
    const { stdout } = await same('check', 'arch');
    expect(stdout).toContain("WARNING: slot 'barman' is initialised but not required by the current config");
    expect(stdout).toContain('continuous archiving: OK');
    await everyFormat('arch');
    await cluster.sql("SELECT pg_drop_replication_slot('barman')");
  });

  it('PostgreSQL down, a wrong password, and both only for the replication', async () => {
    const dead = deadPort;
    const down = `conninfo = ${conninfo('barman', dead)}\n${streaming('archiver = on', 'streaming_barman', dead)}`;
    const locked = `${conninfo('locked')} password=wrong`;
    await setUp(
      () =>
        section('down', down) +
        section(
          'locked',
          `conninfo = ${locked}\nstreaming_conninfo = ${locked}\n${streaming().replace(/streaming_conninfo.*/, '')}`,
        ) +
        section('half', `conninfo = ${conninfo()}\n${streaming('', 'locked')} `) +
        section('deadhalf', `conninfo = ${conninfo()}\n${streaming('', 'streaming_barman', dead)}`),
      async (box) => {
        for (const name of ['down', 'locked', 'half', 'deadhalf']) await withBackup(name)(box);
      },
    );
    for (const name of ['half', 'deadhalf']) await everyFormat(name);
    for (const name of ['down', 'locked']) {
      await everyFormat(name, sameButReasons);
      await same('replication-status', name);
      await same('-f', 'json', 'replication-status', name);
    }
    expect((await ours.barman(['check', 'half'])).stdout).not.toContain('wrong');
  });

  it('another host for the WAL', async () => {
    const own = (wal: string) => `conninfo = ${conninfo()}\n${streaming()}\n${wal}`;
    await setUp(
      () =>
        section('same', own(`wal_conninfo = ${conninfo('postgres')}`)) +
        section('dead', own(`wal_streaming_conninfo = ${conninfo('postgres', deadPort)}`)) +
        section('nopriv', own(`wal_conninfo = ${conninfo('nopriv')}`)),
      async (box) => {
        for (const name of ['same', 'dead', 'nopriv']) await withBackup(name)(box);
      },
    );
    for (const name of ['same', 'nopriv']) await everyFormat(name);
    await everyFormat('dead', sameButReasons);
    await same('replication-status', '--source', 'wal-host', 'same');
    await same('replication-status', '--source', 'wal-host', 'dead');
    await same('-f', 'json', 'replication-status', '--source', 'wal-host', 'dead');
  });

  it('a role without privileges', async () => {
    await setUp(
      () => section('nopriv', `conninfo = ${conninfo('nopriv')}\n${streaming('', 'nopriv')}`),
      withBackup('nopriv'),
    );
    await everyFormat('nopriv');
    await same('replication-status', 'nopriv');
    await same('-f', 'json', 'replication-status', 'nopriv');
  });

  it('inactive, passive and disabled servers', async () => {
    await setUp(
      (box) =>
        section('idle', 'active = false\ndescription = Parked') +
        section('node', `primary_ssh_command = ${box.root}/ssh-ok a`) +
        section('loud', `primary_ssh_command = ${box.root}/ssh-loud a`) +
        section('gone', `primary_ssh_command = ${box.root}/ssh-missing a`) +
        section('noslot', `conninfo = ${conninfo()}\n${streaming().replace('slot_name = barman', '')}`) +
        section(
          'badslot',
          `conninfo = ${conninfo()}\n${streaming().replace('slot_name = barman', 'slot_name = Bad-Slot')}`,
        ) +
        section('noconn', 'archiver = on\nssh_command = /bin/false\nbackup_options = concurrent_backup') +
        section(
          'wrong',
          `conninfo = ${conninfo()}\n${streaming('reuse_backup = link\nnetwork_compression = on\nretention_policy = NEVER')}`,
        ),
      async (box) => {
        await writeFile(join(box.root, 'ssh-ok'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
        await writeFile(join(box.root, 'ssh-loud'), '#!/bin/sh\necho hello >&2\n', { mode: 0o755 });
        for (const name of ['noslot', 'badslot', 'noconn', 'wrong', 'loud']) await withBackup(name)(box);
      },
    );
    for (const name of ['idle', 'node', 'loud', 'gone', 'noslot', 'badslot', 'wrong']) await everyFormat(name);
    // Its status ends the reference with EXCEPTION: 'server_txt_version'.
    await same('check', 'noconn');
    await same('-f', 'json', 'check', 'noconn');
    for (const name of ['idle', 'node', 'noslot', 'noconn']) await same('replication-status', name);
    await same('check', '--nagios', 'idle', 'node');
    await same('check', '--nagios', 'nosuch');
    await same('check', 'nosuch', 'idle');
    await same('-f', 'json', 'check', 'nosuch', 'idle', 'idle');
    await same('check', '--check-timeout', '-1', 'idle').then(
      ({ code }) => expect(code).toBe(2),
      () => {},
    );
  });

  it('the ssh connection and the exclusive strategy', async () => {
    const rsync = (ssh: string, port: number, options = 'concurrent_backup') =>
      `conninfo = ${conninfo('barman', port)}\nssh_command = ${ssh} a  b\narchiver = on\nbackup_options = ${options}`;
    const scripts = { fine: 'exit 0', stdout: 'echo hi', stderr: 'echo hi >&2', fails: 'echo hi; exit 3' };
    await setUp(
      (box) =>
        Object.keys(scripts)
          .map((name) => section(name, rsync(`${box.root}/ssh-${name}`, deadPort)))
          .join('') +
        section('label', rsync(`${box.root}/ssh-fine`, deadPort)) +
        section('gone', rsync(`${box.root}/ssh-missing`, cluster.port)) +
        section('exclusive', rsync(`${box.root}/ssh-fine`, cluster.port, 'exclusive_backup')) +
        section('downexcl', rsync(`${box.root}/ssh-fine`, deadPort, 'exclusive_backup')),
      async (box) => {
        for (const [name, body] of Object.entries(scripts)) {
          await writeFile(join(box.root, `ssh-${name}`), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
        }
        // With a backup in the catalog and PostgreSQL down, the reference also looks for a backup_label over there.
        await withBackup('label')(box);
      },
    );
    for (const name of [...Object.keys(scripts), 'label', 'gone', 'exclusive', 'downexcl']) {
      await sameButReasons('check', '--check-timeout', '3', name);
    }
  });

  it('a standby with its primary', async () => {
    const root = await temporaryFolder('standby');
    const port = await freePort();
    const data = join(root, 'data');
    const basebackup = spawn(
      join(cluster.binDir, 'pg_basebackup'),
      ['-D', data, '-R', '-X', 'stream', '-c', 'fast', '-d', `${cluster.streamingConninfo} application_name=standby1`],
      { stdio: 'ignore' },
    );
    await new Promise((resolve) => basebackup.once('exit', resolve));
    const standby = clusterAt(cluster.binDir, data, port, root);
    try {
      await standby.start();
      const own = (first: number, primary: number) => `
        conninfo = ${conninfo('barman', first)}\nstreaming_conninfo = ${conninfo('streaming_barman', first)}
        primary_conninfo = ${conninfo('barman', primary)}\nbackup_method = postgres\narchiver = on\npath_prefix = ${cluster.binDir}`;
      await setUp(
        () =>
          section('good', own(port, cluster.port)) +
          section('twice', own(port, port)) +
          section('swapped', own(cluster.port, port)) +
          section('noprimary', own(port, deadPort)) +
          section('nostandby', own(deadPort, cluster.port)) +
          section('alone', own(port, port).replace(/primary_conninfo.*/, '')),
        async (box) => {
          for (const name of ['good', 'twice', 'swapped', 'noprimary', 'nostandby', 'alone'])
            await withBackup(name)(box);
        },
      );
      await sleep(1000);
      for (const name of ['good', 'twice', 'swapped', 'alone']) await everyFormat(name);
      await everyFormat('nostandby', sameButReasons);
      await same('replication-status', 'alone');
      await replicationFormats('swapped');
      const { stdout } = await ours.barman(['check', 'noprimary']);
      expect(stdout).toMatch(
        /Primary server is not a standby: FAILED \(connection to server at "127.0.0.1", port \d+ failed/,
      );
    } finally {
      await standby.dispose();
    }
  });

  it('the judgements over a catalog', async () => {
    const aged = `active = false\nlast_backup_maximum_age = 1 DAYS\nlast_wal_maximum_age = 2 HOURS
      last_backup_minimum_size = 1 Gi\nminimum_redundancy = 2\nretention_policy = REDUNDANCY 2`;
    const queues = 'max_incoming_wals_queue = 1\narchiver = on\nstreaming_archiver = on';
    await setUp(
      () =>
        section('old', aged) +
        section('new', aged.replace('1 Gi', '1 Ki')) +
        section('window', `${aged}\nretention_policy = recovery window of 1 week`) +
        section('full', `active = false\n${queues}`) +
        section('stray', 'active = false') +
        section('failed', 'active = false'),
      async (box) => {
        for (const name of ['old', 'window', 'full', 'stray', 'failed']) await withBackup(name)(box);
        const change = async (server: string, edit: (text: string) => string) => {
          const path = join(box.home, server, 'meta', '20261121T023531-backup.info');
          await writeFile(path, edit(await readFile(path, 'utf8')));
        };
        await change('failed', (text) => text.replace('status=DONE', 'status=FAILED'));
        await change('window', (text) => text.replace('status=DONE', 'status=WAITING_FOR_WALS'));
        for (const name of ['full', 'stray']) {
          for (const file of ['000000010000000000000020', '000000010000000000000021', 'x.tmp', '.dot', 'y.partial']) {
            await appendFile(join(box.home, name, 'incoming', file), '');
            await appendFile(join(box.home, name, 'streaming', file), '');
          }
        }
        await appendFile(join(box.home, 'stray', 'errors', 'a.20261121T023531Z.duplicate'), '');
        await appendFile(join(box.home, 'failed', 'errors', 'a.20261121T023531Z.unknown'), '');
      },
    );
    for (const name of ['old', 'new', 'window', 'full', 'stray', 'failed']) await everyFormat(name);
    await same('check', 'all');
    await same('check', '--nagios', 'all');
    await same('-f', 'json', 'status', 'all');
    await same('status', 'all', 'old');
  });

  it('another PostgreSQL than the one of the first backup', async () => {
    await setUp(
      () =>
        section(
          'arch',
          `conninfo = ${conninfo()}\narchiver = on\nbackup_method = local-rsync\nbackup_options = concurrent_backup`,
        ),
      async (box) => {
        await withBackup('arch')(box);
        await writeFile(join(box.home, 'arch', 'identity.json'), '{"systemid": "123", "version": "15"}');
      },
    );
    expect((await same('check', 'arch')).stdout).toContain(
      'systemid coherence: FAILED (the system Id of the connected',
    );
  });

  const replicationFormats = async (server: string) => {
    for (const target of ['all', 'hot-standby', 'wal-streamer']) {
      await same('replication-status', '--target', target, server);
      await same('replication-status', '--minimal', '--target', target, server);
      await same('-f', 'json', 'replication-status', '--target', target, server);
      await same('-f', 'json', 'replication-status', '--minimal', '--target', target, server);
    }
  };

  /** What receive-wal would be: the lock held, and for one of the two the stream itself. */
  const receive = async (box: Sandbox, streams: boolean): Promise<ChildProcess> => {
    const lock = join(box.home, '.main-receive-wal.lock');
    const folder = join(box.root, 'received');
    await mkdir(folder, { recursive: true });
    const dsn = `${cluster.streamingConninfo} application_name=barman_receive_wal`;
    const program = streams
      ? [join(cluster.binDir, 'pg_receivewal'), '-d', dsn, '-D', folder, '-S', 'barman', '--no-loop']
      : ['sleep', '600'];
    const child = spawn('flock', ['-n', '--no-fork', lock, ...program], { stdio: 'ignore' });
    await eventually('it holds the lock', async () => (await lockHolder(lock)) !== undefined);
    await writeFile(lock, `${child.pid}\n`);
    return child;
  };

  const stop = (child: ChildProcess) =>
    new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGTERM');
    });
});
