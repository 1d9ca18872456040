/** receive-wal against a real PostgreSQL and the real pg_receivewal: streaming, slots, signals, kills, --stop, --reset. */
import { mkdir, readdir, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Running, startBarman } from '../support/archiving-server.ts';
import { eventually } from '../support/eventually.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { makeSandbox, type Sandbox, streamingSection } from '../support/sandbox.ts';

let cluster: Cluster;
let box: Sandbox;
let running: Running[] = [];
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.dispose());
beforeEach(async () => {
  box = await makeSandbox();
  await box.writeConfig(streamingSection('pg', cluster));
});
afterEach(async () => {
  for (const { child, end } of running.splice(0)) {
    child.kill('SIGTERM');
    await end;
  }
  await eventually('the slot is free', async () => (await slots()).every(({ active }) => !active));
  for (const { name } of await slots()) await cluster.sql(`SELECT pg_drop_replication_slot('${name}')`);
  await box.dispose();
});

async function slots(): Promise<{ name: string; active: boolean }[]> {
  const rows = await cluster.sql('SELECT slot_name, active FROM pg_replication_slots');
  return rows === ''
    ? []
    : rows.split('\n').map((row) => ({ name: row.split('|')[0] ?? '', active: row.endsWith('|t') }));
}

async function receive(env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const receiver = startBarman(box, ['receive-wal', 'pg'], env);
  running.push(receiver);
  await eventually(
    'it streams',
    () => receiver.stdout().includes('starting log streaming') || receiver.stderr() !== '',
  );
  return receiver;
}

const streaming = (name = '') => `${box.home}/pg/streaming/${name}`;
/** A PATH with what the launcher needs and no program of PostgreSQL. */
async function pathWithoutPostgres(root: string): Promise<string> {
  const directory = `${root}/bin`;
  await mkdir(directory);
  await symlink(process.execPath, `${directory}/node`);
  for (const name of ['sh', 'env', 'dirname', 'readlink']) await symlink(`/usr/bin/${name}`, `${directory}/${name}`);
  return directory;
}
const currentWal = () => cluster.sql('SELECT pg_walfile_name(pg_current_wal_lsn())');
const switchWal = () =>
  cluster.sql('CREATE TABLE IF NOT EXISTS t (a int); INSERT INTO t VALUES (1); SELECT pg_switch_wal()');
const receivers = async () => {
  const pids = await readdir('/proc');
  const lines = await Promise.all(
    pids.filter((pid) => /^\d+$/.test(pid)).map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines
    .filter((line) => line.includes(`--directory=${streaming().slice(0, -1)}`) && !line.startsWith('setpriv'))
    .map((line) => line.split('\0').slice(0, -1));
};

describe('streaming', () => {
  it('creates the slot, receives, archives, and ends with Ctrl-C and exit code 0', async () => {
    const receiver = await receive();
    const wal = await currentWal();
    await switchWal();
    await eventually('the segment is complete', async () => (await readdir(streaming())).includes(wal));
    expect((await box.barman(['archive-wal', 'pg'])).stdout).toContain(`\t${wal}\n`);
    const [argv = []] = await receivers();
    expect(argv.slice(1)).toEqual([
      `--dbname=dbname=replication host=127.0.0.1 options=-cdatestyle=iso port=${cluster.port} replication=true user=streaming_barman application_name=barman_receive_wal`,
      '--verbose',
      '--no-loop',
      '--no-password',
      `--directory=${streaming().slice(0, -1)}`,
      '--slot=barman',
    ]);
    receiver.child.kill('SIGINT');
    expect(await receiver.end).toEqual({ code: 0, signal: null });
    const lines = receiver.stdout().trimEnd().split('\n');
    expect(lines.slice(0, 4)).toEqual([
      'Starting receive-wal for server pg',
      "Creating replication slot 'barman'",
      "Creating physical replication slot 'barman' on server 'pg'",
      "Replication slot 'barman' created",
    ]);
    expect(lines[4]).toMatch(/^pg: pg_receivewal: starting log streaming at /);
    expect(lines.at(-1)).toBe('SIGINT received. Terminate gracefully.');
    expect(receiver.stderr()).toBe('');
    expect(await receivers()).toEqual([]);
  });

  it('leaves no pg_receivewal behind when it is killed, and a new one goes on without a gap', async () => {
    const first = await receive();
    const before = await currentWal();
    first.child.kill('SIGKILL');
    await first.end;
    await eventually('pg_receivewal ends with it', async () => (await receivers()).length === 0);
    await switchWal();
    await eventually('the slot is free', async () => (await slots()).every(({ active }) => !active));
    await receive();
    await eventually('the segment is complete', async () => (await readdir(streaming())).includes(before));
    await box.barman(['archive-wal', 'pg']);
    const { stdout, code } = await box.barman(['get-wal', '-o', box.root, 'pg', before]);
    expect([stdout, code]).toEqual([`Sending WAL '${before}' for server 'pg' into '${box.root}/${before}' file\n`, 0]);
    expect((await stat(`${box.root}/${before}`)).size).toBe(16_777_216);
  });

  it('finds the primary among several hosts', async () => {
    const several = `host=127.0.0.1,127.0.0.1 port=1,${cluster.port} target_session_attrs=`;
    for (const value of ['read-write', 'primary', 'prefer-standby']) {
      const streamingConninfo = `${several}${value} user=streaming_barman`;
      await box.writeConfig(streamingSection('pg', { ...cluster, streamingConninfo }));
      const { stdout, stderr } = await box.barman(['receive-wal', '--test', 'pg']);
      expect(stdout + stderr, value).toContain('\tPostgreSQL streaming: OK\n');
    }
    const receiver = await receive();
    expect([receiver.stderr(), receiver.stdout()]).toEqual(['', expect.stringContaining('starting log streaming')]);
  });

  it('ends with 143 at SIGTERM', async () => {
    const receiver = await receive();
    receiver.child.kill('SIGTERM');
    expect(await receiver.end).toEqual({ code: 143, signal: null });
    expect(await receivers()).toEqual([]);
  });

  it('refuses a second one, which leaves the first alone', async () => {
    await receive();
    expect(await box.barman(['receive-wal', 'pg'])).toEqual({
      code: 1,
      stdout: 'Starting receive-wal for server pg\n',
      stderr: 'ERROR: Another receive-wal process is already running for server pg.\n',
    });
    expect(await receivers()).toHaveLength(1);
  });

  it('is stopped by --stop', async () => {
    const receiver = await receive();
    expect(await box.barman(['receive-wal', '--stop', 'pg'])).toEqual({
      code: 0,
      stdout: `Stopped process receive-wal(${receiver.child.pid})\n`,
      stderr:
        "WARNING: --stop is deprecated and will be removed in a future release. Use 'barman terminate-process pg receive-wal' instead.\n",
    });
    expect((await receiver.end).code).toBe(0);
    expect((await box.barman(['receive-wal', '--stop', 'pg'])).stderr).toBe(
      "WARNING: --stop is deprecated and will be removed in a future release. Use 'barman terminate-process pg receive-wal' instead.\n" +
        'ERROR: Termination of receive-wal failed: no such process for server pg\n',
    );
  });

  it('says which slot is missing, and which is in use by somebody else', async () => {
    await box.writeConfig(streamingSection('pg', cluster).replace('create_slot = auto\n', ''));
    expect((await box.barman(['receive-wal', 'pg'])).stderr).toBe(
      "ERROR: ArchiverFailure:replication slot 'barman' doesn't exist. Please execute 'barman receive-wal --create-slot pg'\n",
    );
    await box.barman(['receive-wal', '--create-slot', 'pg']);
    await receive();
    const other = await makeSandbox();
    try {
      await other.writeConfig(streamingSection('pg', cluster));
      const refused = await other.barman(['receive-wal', 'pg']);
      expect(refused.code).toBe(1);
      expect(refused.stderr.split('\n')[0]).toBe("ERROR: ArchiverFailure:replication slot 'barman' is already in use");
      expect(refused.stderr.split('\n')[1]).toMatch(/^HINT: stop the other receiver/);
    } finally {
      await other.dispose();
    }
  });

  it('reports that the stream broke', async () => {
    const receiver = await receive();
    await cluster.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = 'barman_receive_wal'",
    );
    expect((await receiver.end).code).toBe(1);
    expect(receiver.stderr()).toBe('ERROR: ArchiverFailure:pg_receivewal terminated with error code: 1\n');
  });

  it('never shows the password of the connection string', async () => {
    await box.writeConfig(
      streamingSection('pg', { ...cluster, streamingConninfo: `${cluster.streamingConninfo} password=hunter2` }),
    );
    const receiver = await receive();
    const [argv = []] = await receivers();
    expect(argv.join(' ')).not.toContain('hunter2');
    receiver.child.kill('SIGINT');
    await receiver.end;
    expect(receiver.stdout() + receiver.stderr() + (await readFile(box.logFile, 'utf8'))).not.toContain('hunter2');
  });

  it('cuts a partial file of a wrong size, which pg_receivewal would refuse', async () => {
    const first = await receive();
    first.child.kill('SIGINT');
    await first.end;
    const [partial = ''] = (await readdir(streaming())).filter((name) => name.endsWith('.partial'));
    await truncate(streaming(partial), 12_345);
    const receiver = await receive();
    await eventually('it has told', async () => receiver.stdout().includes('starting log streaming'));
    expect(receiver.stdout()).toContain(
      `Truncating partial file ${streaming(partial)} that has wrong size 12345 while 16777216 was expected.\n`,
    );
  });

  it('announces itself as synchronous where PostgreSQL waits for it', async () => {
    await cluster.sql("ALTER SYSTEM SET synchronous_standby_names = 'barman_receive_wal'");
    await cluster.sql('SELECT pg_reload_conf()');
    try {
      await receive();
      expect((await receivers())[0]?.at(-1)).toBe('--synchronous');
    } finally {
      await cluster.sql('ALTER SYSTEM RESET synchronous_standby_names');
      await cluster.sql('SELECT pg_reload_conf()');
    }
  });
});

describe('slots', () => {
  it('are created and dropped', async () => {
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await box.barman(['receive-wal', ...args, 'pg']);
      return [code, stdout + stderr];
    };
    const creating = "Creating physical replication slot 'barman' on server 'pg'\n";
    const dropping = "Dropping physical replication slot 'barman' on server 'pg'\n";
    expect(await run('--create-slot')).toEqual([0, `${creating}Replication slot 'barman' created\n`]);
    expect(await run('--create-slot')).toEqual([1, `${creating}ERROR: Replication slot 'barman' already exists\n`]);
    expect(await run('--create-slot', '--if-not-exists')).toEqual([
      0,
      `${creating}Replication slot 'barman' already exists and --if-not-exists was specified. Skipping creation\n`,
    ]);
    await receive();
    expect(await run('--drop-slot')).toEqual([
      1,
      expect.stringMatching(
        /ERROR: Cannot drop .* because it is in use\.\nHINT: run "barman terminate-process pg receive-wal" when it is ours, else stop /,
      ),
    ]);
    await box.barman(['receive-wal', '--stop', 'pg']);
    expect(await run('--drop-slot')).toEqual([0, `${dropping}Replication slot 'barman' dropped\n`]);
    expect(await run('--drop-slot')).toEqual([1, `${dropping}ERROR: Replication slot 'barman' does not exist\n`]);
  });
});

describe('a slot of no use', () => {
  let other: Cluster;
  beforeAll(async () => {
    const small = { max_wal_size: '32MB', min_wal_size: '32MB', max_slot_wal_keep_size: '1MB' };
    other = await startCluster({ settings: { wal_level: 'logical', ...small } });
  });
  afterAll(() => other?.dispose());
  beforeEach(async () => {
    await box.writeConfig(streamingSection('pg', other));
    await box.listWal('pg');
  });

  const slotLine = async (...args: readonly string[]) =>
    (await box.barman([...args, 'pg'])).stdout.split('\n').find((line) => line.startsWith('\treplication slot'));

  it('is a lost one: told with the way out, which works', async () => {
    await other.sql("SELECT pg_create_physical_replication_slot('barman', true)");
    const status = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'barman'";
    await eventually('the slot is lost', async () => {
      await other.sql("SELECT pg_logical_emit_message(false, '', 'x')");
      await other.sql('SELECT pg_switch_wal()');
      await other.sql('CHECKPOINT');
      return (await other.sql(status)) === 'lost';
    });
    const words =
      "replication slot 'barman' is lost: PostgreSQL has invalidated it (max_slot_wal_keep_size): " +
      'run "barman receive-wal --drop-slot pg", "barman receive-wal --create-slot pg" and "barman receive-wal --reset pg", ' +
      'then "barman backup pg": WAL is missing between the backups and the new slot';
    expect(await slotLine('receive-wal', '--test')).toBe(`\treplication slot: FAILED (${words})`);
    expect(await slotLine('check')).toBe(`\treplication slot: FAILED (${words})`);
    for (const flags of [[], ['--if-not-exists']]) {
      const { code, stderr } = await box.barman(['receive-wal', '--create-slot', ...flags, 'pg']);
      expect([code, stderr]).toEqual([1, `ERROR: Replication slot 'barman' already exists\nHINT: ${words}\n`]);
    }
    expect((await box.barman(['receive-wal', '--drop-slot', 'pg'])).code).toBe(0);
    expect((await box.barman(['receive-wal', '--create-slot', 'pg'])).code).toBe(0);
    expect(await slotLine('receive-wal', '--test')).toBe('\treplication slot: OK');
    await receive();
  });

  it('is a logical one of that name', async () => {
    await box.writeConfig(streamingSection('pg', other).replace('= barman', '= logical'));
    await other.sql("SELECT pg_create_logical_replication_slot('logical', 'pgoutput')");
    const words = "'logical' is a logical replication slot, receive-wal needs a physical one";
    const remedy =
      'give slot_name another value in the section [pg] of the configuration and run "barman receive-wal --create-slot pg"';
    expect(await slotLine('receive-wal', '--test')).toBe(`\treplication slot: FAILED (${words}: ${remedy})`);
    expect(await slotLine('check')).toBe(`\treplication slot: FAILED (${words}: ${remedy})`);
    const { code, stderr } = await box.barman(['receive-wal', 'pg']);
    expect([code, stderr]).toEqual([1, `ERROR: ArchiverFailure:${words}\nHINT: ${remedy}\n`]);
    expect((await box.barman(['receive-wal', '--create-slot', 'pg'])).stderr).toBe(
      `ERROR: Replication slot 'logical' already exists\nHINT: ${words}: ${remedy}\n`,
    );
  });
});

describe('what keeps it from starting', () => {
  it('is a server without streaming_archiver, or that does not answer', async () => {
    await box.writeConfig(streamingSection('pg', cluster).replace('streaming_archiver = on', 'archiver = on'));
    expect((await box.barman(['receive-wal', 'pg'])).stderr).toBe(
      "ERROR: Unable to start receive-wal process: streaming_archiver option set to 'off' in barman configuration file\n",
    );
    await box.writeConfig(
      streamingSection('pg', {
        ...cluster,
        conninfo: 'host=127.0.0.1 port=1 user=barman dbname=postgres',
        streamingConninfo: 'host=127.0.0.1 port=1 user=streaming_barman',
      }),
    );
    const refused = await box.barman(['receive-wal', 'pg']);
    expect([refused.code, refused.stdout, refused.stderr]).toEqual([
      1,
      '',
      "ERROR: Impossible to start WAL streaming. Check the log for more details, or run 'barman check pg'\n",
    ]);
    expect((await box.barman(['receive-wal', '--create-slot', 'pg'])).stderr).toBe(
      "ERROR: Cannot connect to server 'pg'\n",
    );
  });
});

describe('--test', () => {
  const test = async () => {
    const { code, stdout, stderr } = await box.barman(['receive-wal', '--test', 'pg']);
    const lines = stdout
      .replace(/\d+ of (\d+) in use/, 'N of $1 in use')
      .replace(/[\d.]+ [KMGT]iB free/, 'SIZE free')
      .split('\n');
    return { code, stderr, lines: lines.slice(0, -1) };
  };
  const GOOD = [
    'Server pg:',
    '\tstreaming_archiver: OK',
    '\tPostgreSQL streaming: OK',
    '\twal_level: OK',
    '\tsystemid coherence: OK (no system Id stored on disk)',
    '\tmax_wal_senders: OK (N of 10 in use)',
    "\treplication slot: OK ('barman' will be created (create_slot = auto))",
    '\tpg_receivexlog: OK',
    '\tpg_receivexlog compatible: OK',
    '\tstreaming directory: OK (SIZE free)',
    '\treceive-wal lock: OK (free)',
  ];
  const changed = (line: string) => {
    const name = line.slice(0, line.indexOf(': ') + 2);
    return GOOD.map((other) => (other.startsWith(name) ? line : other));
  };

  it('finds everything in order, and receives nothing', async () => {
    expect(await test()).toEqual({ code: 0, stderr: '', lines: GOOD });
    expect(await slots()).toEqual([]);
    expect(await readdir(streaming())).toEqual([]);
  });

  it('sees the receiver that runs', async () => {
    const { child } = await receive();
    const { code, lines } = await test();
    expect(code).toBe(0);
    expect(lines[6]).toBe("\treplication slot: OK ('barman' is used by the receive-wal that runs)");
    expect(lines[10]).toBe(`\treceive-wal lock: OK (held: receive-wal runs with pid ${child.pid})`);
  });

  it('names a slot that is missing, with the command that makes it', async () => {
    await box.writeConfig(streamingSection('pg', cluster, 'create_slot = manual'));
    expect(await test()).toEqual({
      code: 1,
      stderr: '',
      lines: changed(
        "\treplication slot: FAILED (replication slot 'barman' doesn't exist. Please execute 'barman receive-wal --create-slot pg')",
      ),
    });
  });

  it('names a slot that somebody else uses', async () => {
    const other = await makeSandbox();
    try {
      await other.writeConfig(streamingSection('pg', cluster));
      const receiver = startBarman(other, ['receive-wal', 'pg']);
      running.push(receiver);
      await eventually('it streams', () => receiver.stdout().includes('starting log streaming'));
      const { code, lines } = await test();
      expect(code).toBe(1);
      expect(lines[6]).toMatch(
        /^\treplication slot: FAILED \(replication slot 'barman' is already in use: stop the other receiver /,
      );
    } finally {
      await other.dispose();
    }
  });

  it('names an archive of another cluster', async () => {
    await mkdir(`${box.home}/pg`);
    await writeFile(`${box.home}/pg/identity.json`, '{"systemid": "1", "version": "15"}');
    const { code, lines } = await test();
    expect(code).toBe(1);
    expect(lines[4]).toMatch(/^\tsystemid coherence: FAILED \(/);
  });

  it('names the program that is missing, with its cure', async () => {
    await box.writeConfig(streamingSection('pg', cluster).replace(/^path_prefix.*$/m, ''));
    const { code, stdout, stderr } = await box.barman(['receive-wal', '--test', 'pg'], {
      env: { PATH: await pathWithoutPostgres(box.root) },
    });
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const failed = stdout.split('\n').filter((line) => line.includes('FAILED'));
    expect(failed).toEqual([
      '\tpg_receivexlog: FAILED (install the client programs of PostgreSQL, or set path_prefix in the section [pg] to the directory of pg_receivewal)',
      expect.stringMatching(
        /^\tpg_receivexlog compatible: FAILED \(PostgreSQL version: 15\.\d+, pg_receivexlog version: None\)$/,
      ),
    ]);
    expect(await readdir(streaming())).toEqual([]);
  });

  it('claims nothing about a slot when PostgreSQL is not there, and check has the reason', async () => {
    const nobody = 'host=127.0.0.1 port=1 user=barman';
    await box.writeConfig(streamingSection('pg', { ...cluster, conninfo: nobody }));
    await box.listWal('pg');
    const reason = 'connection to server at "127.0.0.1", port 1 failed: Connection refused';
    expect((await test()).lines).toContain(`\treplication slot: FAILED (not known: ${reason})`);
    const check = await box.barman(['check', 'pg']);
    expect(check.stdout).toContain(`\tPostgreSQL: FAILED (${reason})\n`);
    expect(check.stdout).toContain(`\treplication slot: FAILED (not known: ${reason})\n`);
  });

  it('goes on when PostgreSQL is not there, and says so', async () => {
    const down = { ...cluster, streamingConninfo: 'host=127.0.0.1 port=1 user=streaming_barman' };
    await box.writeConfig(streamingSection('pg', { ...down, conninfo: 'host=127.0.0.1 port=1 user=barman' }));
    const { code, lines } = await test();
    expect(code).toBe(1);
    expect(lines.map((line) => line.replace(/ \(.*/, ''))).toEqual([
      'Server pg:',
      '\tstreaming_archiver: OK',
      '\tPostgreSQL streaming: FAILED',
      '\tpg_receivexlog: OK',
      '\tpg_receivexlog compatible: FAILED',
      '\tstreaming directory: OK',
      '\treceive-wal lock: OK',
    ]);
    expect(lines[2]).toContain('Connection refused');
  });

  it('asks for the option that is off', async () => {
    await box.writeConfig(streamingSection('pg', cluster, 'archiver = on').replace('streaming_archiver = on\n', ''));
    expect(await test()).toEqual({
      code: 1,
      stderr: '',
      lines: [
        'Server pg:',
        '\tstreaming_archiver: FAILED (set "streaming_archiver = on" in the section [pg] of the configuration)',
      ],
    });
  });
});
