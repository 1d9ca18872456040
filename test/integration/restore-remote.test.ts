/** Restores onto another host, by a real sshd: files, rows, settings, and what must be refused or survived. */
import { execFile } from 'node:child_process';
import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { quoteForShell } from '../../src/domain/text/shell-words.ts';
import { startBarman } from '../support/archiving-server.ts';
import { eventually } from '../support/eventually.ts';
import { type Cluster, clusterAt, freePort, temporaryFolder } from '../support/cluster.ts';
import { type RsyncServer, startRsyncServer } from '../support/rsync-server.ts';
import { barmanProgram, runProgram } from '../support/sandbox.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const exec = promisify(execFile);
/** rsync takes such a name in a list for a comment. */
const ODD_NAME = '#an $(odd) name\nindeed';

let server: RsyncServer;
let place: string;
let id: string;

beforeAll(async () => {
  server = await startRsyncServer();
  await writeFile(join(server.cluster.dataDir, ODD_NAME), 'odd');
  await mkdir(join(server.cluster.dataDir, 'empty dir'));
  expect(await server.box.barman(['backup', '--wait', 'pg'])).toMatchObject({ code: 0 });
  id = (await readdir(server.path('base'))).sort().at(-1) ?? '';
  await server.cluster.sql('INSERT INTO here SELECT 0; SELECT pg_switch_wal()');
  await server.cluster.sql("SELECT pg_create_restore_point('then')");
  await server.cluster.sql('INSERT INTO here SELECT 0; SELECT pg_switch_wal()');
  const last = await server.cluster.sql('SELECT pg_walfile_name(pg_switch_wal())');
  await eventually(
    'the WAL is archived',
    async () => (await server.cluster.sql('SELECT last_archived_wal FROM pg_stat_archiver')) >= last.slice(0, 23),
  );
});
afterAll(() => server?.dispose());
beforeEach(async () => {
  await server.box.barman(['archive-wal', 'pg']);
  place = join(await temporaryFolder('remote'), `it's a place`);
  await mkdir(place);
});
afterEach(async () => {
  await rm(join(place, '..'), { recursive: true, force: true });
  await server.configure();
});

function args(...more: readonly string[]): string[] {
  const spaces = ['near', 'far'].flatMap((name) => ['--tablespace', `${name}:${place}/${name}`]);
  const command = ['--remote-ssh-command', `${server.sshd.sshCommand} target`];
  return ['restore', 'pg', id, `${place}/d`, ...spaces, ...command, ...more];
}

async function rows(): Promise<string> {
  const cluster: Cluster = clusterAt(server.cluster.binDir, `${place}/d`, await freePort(), join(place, '..'));
  await cluster.start();
  try {
    await eventually('recovery ends', async () => (await cluster.sql('SELECT pg_is_in_recovery()')) === 'f');
    return await cluster.sql(
      'SELECT (SELECT count(*) FROM here), (SELECT count(*) FROM nearby), (SELECT count(*) FROM away)',
    );
  } finally {
    await cluster.stop('immediate');
  }
}

async function logins(): Promise<number> {
  return (await server.sshd.log()).match(/Accepted publickey/g)?.length ?? 0;
}

/** The arguments, by way of a proxy and with these options of ssh. */
function by(proxy: TcpProxy, ...options: readonly string[]): string[] {
  const command = [server.sshd.sshCommand, '-p', String(proxy.port), ...options, 'target'].join(' ');
  return args().map((word) => (word.endsWith(' target') ? command : word));
}

describe('a restore onto another host', () => {
  it('brings data, tablespaces and WAL over, and starts', async () => {
    const before = await logins();
    const result = await server.box.barman(args());
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    // What has come in meanwhile is archived first.
    const said = result.stdout.replace(/^(?:Processing xlog segments from .*|\t[0-9A-F]{24}.*)\n/gm, '');
    expect(said.slice(0, said.indexOf('\n\n'))).toBe(
      [
        `Starting remote restore for server pg using backup ${id}`,
        `Destination directory: ${place}/d`,
        `Remote command: ${server.sshd.sshCommand} target`,
        'Copying the base backup.',
        ...(await Promise.all(
          ['near', 'far'].map(async (name) => {
            const oid = await server.cluster.sql(`SELECT oid FROM pg_tablespace WHERE spcname = '${name}'`);
            return `\t${oid}, ${name}, ${place}/${name}`;
          }),
        )),
        'Copying required WAL segments.',
        'Generating archive status files',
        'Identify dangerous settings in destination directory.',
      ].join('\n'),
    );
    // The whole restore logs in once.
    expect((await logins()) - before).toBe(1);
    const names = await readdir(`${place}/d`);
    expect(names).toContain('.barman-recover.info');
    expect(names).toContain('postgresql.auto.conf.origin');
    expect(await readFile(join(`${place}/d`, ODD_NAME), 'utf8')).toBe('odd');
    expect(await readdir(`${place}/d/empty dir`)).toEqual([]);
    expect((await stat(`${place}/d`)).mode & 0o777).toBe(0o700);
    expect((await stat(`${place}/d/postgresql.auto.conf`)).mode & 0o777).toBe(0o600);
    for (const link of await readdir(`${place}/d/pg_tblspc`)) {
      expect(await readlink(`${place}/d/pg_tblspc/${link}`)).toMatch(/(near|far)$/);
    }
    expect(await rows()).toBe('1002|2000|3000');
  });

  it('recovers to a point, in parallel, compressed on the way', async () => {
    await server.configure('parallel_jobs = 3');
    const before = await logins();
    const options = ['--target-name', 'then', '--target-action', 'promote', '--network-compression'];
    const result = await server.box.barman(args(...options));
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect((await logins()) - before).toBe(3);
    expect(await readFile(`${place}/d/postgresql.auto.conf`, 'utf8')).toContain("recovery_target_name = 'then'");
    expect(await rows()).toBe('1001|2000|3000');
  });

  it('writes a restore_command for that host with --get-wal', async () => {
    await server.configure('parallel_jobs = 2');
    const result = await server.box.barman(args('--get-wal', '--recovery-option-port', '2222'));
    expect(result.code).toBe(0);
    expect(await readFile(`${place}/d/postgresql.auto.conf`, 'utf8')).toMatch(
      /# The 'barman-wal-restore' command is provided in the 'barman-cli' package\nrestore_command = 'barman-wal-restore -P -U \S+ --port 2222 \S+ pg %f %p -p 2'\n/,
    );
    expect(await readdir(`${place}/d`)).toContain('recovery.signal');
  });

  it('refuses a destination with files in it, a relative one, and a host that it cannot reach', async () => {
    await mkdir(`${place}/d`);
    await writeFile(`${place}/d/.hidden`, '');
    const full = await server.box.barman(args());
    expect(full).toMatchObject({ code: 1 });
    expect(full.stderr).toMatch(
      /^ERROR: The restore operation cannot proceed because the destination folder '.*' is not empty\./,
    );
    expect(await readdir(`${place}/d`)).toEqual(['.hidden']);
    const relative = args().map((word) => (word === `${place}/d` ? 'somewhere' : word));
    expect((await server.box.barman(relative)).stderr).toBe(
      "ERROR: Cannot restore to 'somewhere' on another host\nHINT: give an absolute path\n",
    );
    const command = `${server.sshd.sshCommand} -p 1 target`;
    const away = args().map((word) => (word.endsWith(' target') ? command : word));
    expect((await server.box.barman(away)).stderr).toBe(
      `ERROR: Unable to connect to the target host using the command '${command}'\nHINT: ssh: connect to host 127.0.0.1 port 1: Connection refused\n`,
    );
  });

  it('refuses a host without room, without a fit rsync or with a login that talks, and touches nothing', async () => {
    const refused = async (words: readonly string[], stderr: string | RegExp) => {
      const result = await server.box.barman(words);
      expect({ code: result.code, stdout: result.stdout.includes('Copying') }).toEqual({ code: 1, stdout: false });
      if (typeof stderr === 'string') expect(result.stderr).toBe(stderr);
      else expect(result.stderr).toMatch(stderr);
      expect(await readdir(place)).toEqual([]);
    };
    const huge = server.path('base', id, 'data', 'huge');
    await writeFile(huge, '');
    await truncate(huge, 12 * 1024 ** 4);
    await refused(
      args(),
      /^ERROR: Not enough room in '.*\/d': the restore needs 12\.0 TiB and [\d.]+ [KMGT]iB are free\nHINT: free some space or choose another destination\n$/,
    );
    await rm(huge);
    const { sshd } = server;
    const hint = 'HINT: install it there, e.g. apt-get install rsync\n';
    await sshd.addRemote(
      'rsync',
      '#!/bin/sh\necho "openrsync: protocol version 29"\necho "rsync version 2.6.9 compatible"\n',
    );
    await refused(args(), `ERROR: rsync 2.6.9 on the target host is too old: 3.0 or later is needed\n${hint}`);
    await sshd.addRemote('rsync', '#!/bin/sh\nexit 127\n');
    await refused(args(), `ERROR: rsync is not installed on the target host\n${hint}`);
    await rm(join(sshd.remoteBin, 'rsync'));
    const noisy = join(place, '..', 'noisy-ssh');
    await writeFile(noisy, `#!/bin/sh\necho "Welcome aboard"\nexec ${sshd.sshCommand} "$@"\n`, { mode: 0o755 });
    await refused(
      args().map((word) => (word.endsWith(' target') ? `${noisy} target` : word)),
      "ERROR: The login on the target host prints something of its own: 'Welcome aboard'\nHINT: rsync needs a silent one: look at the files of the shell there, e.g. ~/.bashrc\n",
    );
  });

  it('never asks, even at a terminal: neither for the passphrase of a key nor about an unknown host', async () => {
    const root = join(place, '..');
    await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', join(root, 'locked')]);
    const { sshd } = server;
    await appendFile(join(sshd.root, 'authorized_keys'), await readFile(join(root, 'locked.pub')));
    const usual = await readFile(sshd.configFile, 'utf8');
    const asking = usual
      .replace(/IdentityFile .*/, `IdentityFile ${root}/locked`)
      .replace(/UserKnownHostsFile .*/, `UserKnownHostsFile ${root}/known_hosts`)
      .replace('StrictHostKeyChecking yes', 'StrictHostKeyChecking ask')
      .replace('BatchMode yes', 'BatchMode no');
    await writeFile(join(root, 'config'), asking);
    const command = `ssh -F ${root}/config target`;
    const words = args().map((word) => (word.endsWith(' target') ? command : word));
    const line = [process.execPath, barmanProgram, '-c', server.box.configFile, '--color', 'never', ...words]
      .map(quoteForShell)
      .join(' ');
    const { SSH_AUTH_SOCK: _, ...env } = process.env;
    const { stdout } = await runProgram('script', ['-qec', line, '/dev/null'], { env, limitMs: 100_000 });
    expect(stdout.replaceAll('\r', '')).toMatch(
      /^ERROR: Unable to connect to the target host using the command '.*'\nHINT: (?:.*\n)*.*Permission denied \(publickey\)\.\n$/,
    );
    expect(await readdir(place)).toEqual([]);
  });

  it('killed in the middle leaves nothing that PostgreSQL would start on, and what it leaves here goes', async () => {
    await server.configure('bandwidth_limit = 2048');
    // Where restores keep what they make themselves.
    const env = { TMPDIR: join(place, '..') };
    const stages = async () => (await readdir(env.TMPDIR)).filter((name) => name.startsWith('barman-restore-'));
    const start = async (words: readonly string[], directory: string) => {
      const running = startBarman(server.box, words, env);
      await eventually('the copy begins', async () =>
        (await readdir(directory).catch((): string[] => [])).includes('base'),
      );
      return running;
    };
    const killed = await start(args(), `${place}/d`);
    await sleep(500);
    killed.child.kill('SIGKILL');
    await killed.end;
    expect(await readdir(`${place}/d/global`).catch((): string[] => [])).not.toContain('pg_control');
    const [left = ''] = await stages();
    await mkdir(join(env.TMPDIR, left, 'd', 'pg_wal'), { recursive: true });
    await writeFile(join(env.TMPDIR, left, 'd', 'pg_wal', '000000010000000000000001'), 'WAL');
    await writeFile(join(place, 'mine'), 'mine');
    await symlink(place, join(env.TMPDIR, 'barman-restore-link'));
    await mkdir(join(env.TMPDIR, 'barman-restore-fresh'));
    // One that lives, beside it.
    const elsewhere = args().map((word) => word.replace(`${place}/`, `${place}/b/`));
    const living = await start(elsewhere, `${place}/b/d`);
    const alive = (await stages()).filter((name) => !['barman-restore-link', 'barman-restore-fresh'].includes(name));
    expect(alive).not.toContain(left);
    expect(alive).toHaveLength(1);
    living.child.kill('SIGKILL');
    await living.end;
    expect((await server.box.barman(['cron'], { env })).stderr).toBe('');
    expect((await stages()).sort()).toEqual(['barman-restore-fresh', 'barman-restore-link']);
    expect(await readFile(join(place, 'mine'), 'utf8')).toBe('mine');
    expect(await readFile(server.box.logFile, 'utf8')).toContain(`${left}': the restore that used it was killed`);
  });

  it('leaves the directory of a restore that runs alone', async () => {
    await server.configure('bandwidth_limit = 2048');
    const env = { TMPDIR: join(place, '..') };
    const running = startBarman(server.box, args(), env);
    await eventually('the copy begins', async () =>
      (await readdir(`${place}/d`).catch((): string[] => [])).includes('base'),
    );
    const before = (await readdir(env.TMPDIR)).filter((name) => name.startsWith('barman-restore-'));
    await server.box.barman(['cron'], { env });
    expect((await readdir(env.TMPDIR)).filter((name) => name.startsWith('barman-restore-'))).toEqual(before);
    expect(before).toHaveLength(1);
    running.child.kill('SIGTERM');
    await running.end;
    // One that is told to end clears up itself.
    expect((await readdir(env.TMPDIR)).filter((name) => name.startsWith('barman-restore-'))).toEqual([]);
  });

  it('takes paths as they are written, whatever a shell would make of them', async () => {
    const odd = '$(touch harm) `touch harm` "*" \\ ;&';
    const result = await server.box.barman(args().map((word) => word.replace(`${place}/`, `${place}/${odd}/`)));
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await readdir(place)).toEqual([odd]);
    expect((await readdir(`${place}/${odd}`)).sort()).toEqual(['d', 'far', 'near']);
    const broken = await server.box.barman(args().map((word) => (word === `${place}/d` ? `${place}/d\ne` : word)));
    expect(broken).toMatchObject({ code: 1, stderr: 'ERROR: The destination directory cannot hold a line break\n' });
  });

  it('makes an earlier restore equal to the backup with --delta-restore, and leaves what is not of PostgreSQL', async () => {
    const d = `${place}/d`;
    expect(await server.box.barman(args('--target-immediate', '--target-action', 'promote'))).toMatchObject({
      code: 0,
    });
    const cluster = clusterAt(server.cluster.binDir, d, await freePort(), join(place, '..'));
    await cluster.start();
    try {
      await eventually('recovery ends', async () => (await cluster.sql('SELECT pg_is_in_recovery()')) === 'f');
      await cluster.sql(
        'CREATE TABLE junk TABLESPACE far AS SELECT generate_series(1, 1000); DELETE FROM nearby; CHECKPOINT',
      );
      const running = await server.box.barman(args('--delta-restore'));
      expect(running.stderr).toMatch(
        /^ERROR: Cannot restore into '.*': a PostgreSQL server with pid \d+ may be running on it\n/,
      );
      expect(await cluster.sql('SELECT count(*) FROM junk')).toBe('1000');
    } finally {
      await cluster.stop('immediate');
    }
    await rm(`${d}/postmaster.pid`, { force: true });
    // The same size and time, another content.
    const file = `${d}/global/pg_filenode.map`;
    const [good, { mtime }] = [await readFile(file), await stat(file)];
    await writeFile(file, Buffer.alloc(good.length, 1));
    await utimes(file, mtime, mtime);
    await mkdir(`${d}/conf.d`);
    await writeFile(`${d}/conf.d/mine.conf`, '# mine');
    await writeFile(`${d}/base/999999\n`, 'unknown');
    await mkdir(`${place}/elsewhere`);
    await writeFile(`${place}/elsewhere/mine`, 'mine');
    await symlink(`${place}/elsewhere`, `${d}/base/link`);
    const [, oneFile = ''] = (await readdir(`${d}/base/1`)).filter((name) => /^\d+$/.test(name));
    const before = await stat(`${d}/base/1/${oneFile}`);
    await rm(`${d}/.barman-recover.info`);
    const result = await server.box.barman(args('--delta-restore'));
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await readFile(file)).toEqual(good);
    expect(await readFile(`${d}/conf.d/mine.conf`, 'utf8')).toBe('# mine');
    expect(await readFile(`${place}/elsewhere/mine`, 'utf8')).toBe('mine');
    const names = await readdir(d, { recursive: true });
    expect(names.filter((name) => /999999|base\/link|\.origin$|recovery\.signal|obsolete/.test(name)).sort()).toEqual([
      'postgresql.auto.conf.origin',
      'postgresql.conf.origin',
    ]);
    // What was equal was not written again.
    expect((await stat(`${d}/base/1/${oneFile}`)).ino).toBe(before.ino);
    expect(await rows()).toBe('1002|2000|3000');
    // Killed in the middle, it is no cluster, and the next one makes it whole.
    await rm(`${d}/postmaster.pid`, { force: true });
    await rm(`${d}/base/1`, { recursive: true });
    await server.configure('bandwidth_limit = 512');
    const killed = startBarman(server.box, args('--delta-restore'), { TMPDIR: join(place, '..') });
    await eventually('the copy begins', async () => (await readdir(`${d}/base`)).includes('1'));
    killed.child.kill('SIGKILL');
    await killed.end;
    expect(await readdir(`${d}/global`)).not.toContain('pg_control');
    await server.configure();
    // The record of the first restore told what to believe; the killed one has taken it away.
    expect(killed.stdout()).toMatch(
      /\nUsing safe horizon time for smart rsync copy: \d{4}-.*\nCopying the base backup\.\n/,
    );
    const again = await server.box.barman(args('--delta-restore'));
    expect({ code: again.code, stderr: again.stderr }).toEqual({ code: 0, stderr: '' });
    expect(again.stdout).not.toContain('safe horizon');
    expect(await rows()).toBe('1002|2000|3000');
  });

  it('refuses a delta restore into what is no cluster', async () => {
    await mkdir(`${place}/d`);
    await writeFile(`${place}/d/thesis.txt`, 'mine');
    expect(await server.box.barman(args('--delta-restore'))).toMatchObject({
      code: 1,
      stderr: `ERROR: Cannot restore into '${place}/d' with delta mode: it is neither empty nor a PostgreSQL data directory\nHINT: choose an empty folder, or the one of an earlier restore\n`,
    });
    expect(await readdir(`${place}/d`)).toEqual(['thesis.txt']);
    await rm(`${place}/d/thesis.txt`);
    await mkdir(`${place}/near`);
    await writeFile(`${place}/near/thesis.txt`, 'mine');
    expect(await server.box.barman(args('--delta-restore'))).toMatchObject({
      code: 1,
      stderr: `ERROR: Cannot restore tablespace 'near' into '${place}/near' with delta mode: 'thesis.txt' is no part of a tablespace\nHINT: choose an empty folder, or the one of an earlier restore\n`,
    });
    expect(await readdir(place, { recursive: true })).toEqual(['d', 'near', 'near/thesis.txt']);
  });

  it('brings a backup of pg_basebackup over', async () => {
    await server.box.writeConfig(
      [
        '[pg]',
        `conninfo = ${server.cluster.conninfo}`,
        `streaming_conninfo = ${server.cluster.streamingConninfo}`,
        'backup_method = postgres',
        'archiver = on',
        'immediate_checkpoint = true',
        `path_prefix = ${server.cluster.binDir}`,
        '',
      ].join('\n'),
    );
    const taken = await server.box.barman(['backup', '--wait', 'pg']);
    expect({ code: taken.code, stderr: taken.stderr }).toEqual({ code: 0, stderr: '' });
    const latest = args().map((word) => (word === id ? 'latest' : word));
    expect(await server.box.barman(latest)).toMatchObject({ code: 0, stderr: '' });
    expect(await rows()).toBe('1002|2000|3000');
  });

  describe('over a connection that fails', () => {
    let proxy: TcpProxy;
    beforeEach(async () => {
      proxy = await startTcpProxy(server.sshd.port);
    });
    afterEach(() => proxy.dispose());

    it('cut off: says so, and leaves nothing that PostgreSQL would start on', async () => {
      proxy.fault = { kind: 'cut', afterBytes: 6_000_000, direction: 'to-server' };
      const result = await server.box.barman(by(proxy));
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(
        /^ERROR: Failure copying base backup: data transfer failure on directory '.*'\nrsync/,
      );
      expect(await readdir(`${place}/d`)).toContain('base');
      expect(await readdir(`${place}/d/global`)).not.toContain('pg_control');
    });

    it('cut off once: tries again when it may', async () => {
      await server.configure('basebackup_retry_times = 1\nbasebackup_retry_sleep = 1');
      proxy.fault = { kind: 'cut', afterBytes: 6_000_000, direction: 'to-server' };
      const running = startBarman(server.box, by(proxy));
      await eventually('it connects', async () => proxy.connections() > 0);
      proxy.fault = undefined;
      expect(await running.end).toMatchObject({ code: 0 });
      expect(running.stderr()).toMatch(
        /^WARNING: Failure executing rsync on .* \(attempt 0\)\nWARNING: Retrying in 1 seconds\n$/,
      );
      const found = await readdir(`${place}/d`, { recursive: true });
      expect(found.filter((name) => /(?:^|\/)\.(?!barman-recover\.info$)/.test(name))).toEqual([]);
      expect(await rows()).toBe('1002|2000|3000');
    });

    it('stalled: gives up', async () => {
      proxy.fault = { kind: 'stall', afterBytes: 6_000_000, direction: 'to-server' };
      const result = await server.box.barman(by(proxy, '-o ServerAliveInterval=1', '-o ServerAliveCountMax=2'));
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/^ERROR: Failure copying base backup: data transfer failure/);
      expect(await readdir(`${place}/d/global`)).not.toContain('pg_control');
    });
  });
});
