/** `barman restore` of both programs from one catalog: same words, same exit codes, same trees. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nextSecond } from '../support/eventually.ts';
import { type ArchivingServer, startArchivingServer } from '../support/archiving-server.ts';
import { temporaryFolder } from '../support/cluster.ts';
import { type ProgramResult, referenceFolder } from '../support/sandbox.ts';

const exec = promisify(execFile);

describe.skipIf(referenceFolder === undefined)('restore beside Barman 3.20.1 (needs BARMAN_REFERENCE)', () => {
  let server: ArchivingServer;
  let farAway: string;
  let place: string;
  /** Ids of the plain and of the compressed backup. */
  let plain: string;
  let packed: string;
  let umask: number;

  beforeAll(async () => {
    // Barman gives its own files the modes of the umask, we give them 0600 and 0700: with this one they are equal.
    umask = process.umask(0o077);
    server = await startArchivingServer();
    place = await temporaryFolder('compat-restore');
    farAway = await temporaryFolder('compat-far');
    await server.cluster.sql(`CREATE TABLESPACE far LOCATION '${farAway}'`);
    await server.cluster.sql('CREATE TABLE away TABLESPACE far AS SELECT generate_series(1, 1000) AS n');
    await server.cluster.sql("ALTER SYSTEM SET ssl_cert_file = 'x.pem'");
    await server.cluster.sql("ALTER SYSTEM SET recovery_target_name = 'old'");
    plain = await takeBackup('--name', 'monthly');
    await server.box.writeConfig(server.section('backup_compression = gzip'));
    packed = await takeBackup();
    await server.box.writeConfig(server.section());
    for (const text of ['one', 'two']) {
      await server.cluster.sql(`CREATE TABLE ${text} AS SELECT 1; SELECT pg_switch_wal()`);
    }
    await server.box.reference(['archive-wal', 'pg']);
    await addFailedBackup();
  });

  afterAll(async () => {
    process.umask(umask);
    await server?.dispose();
    for (const folder of [place, farAway]) if (folder) await rm(folder, { recursive: true, force: true });
  });

  afterEach(async () => {
    for (const name of await readdir(place)) await rm(join(place, name), { recursive: true, force: true });
  });

  async function takeBackup(...args: string[]): Promise<string> {
    await nextSecond();
    const result = await server.box.reference(['backup', 'pg', '--wait', ...args]);
    expect(result, result.stderr).toMatchObject({ code: 0 });
    const id = (await readdir(server.path('base'))).sort().at(-1) ?? '';
    await centreTimes(server.path('base', id));
    return id;
  }

  /**
   * Moves every file's time to the middle of its millisecond. Node sets a time to 0.2 microseconds, rsync to the nanosecond:
   * at the edge of a millisecond, to which they are compared, that would be a difference.
   */
  async function centreTimes(folder: string): Promise<void> {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const seconds = (Math.trunc((await stat(path)).mtimeMs) + 0.5) / 1000;
      await utimes(path, seconds, seconds);
    }
  }

  async function addFailedBackup(): Promise<void> {
    const record = await readFile(server.path('meta', `${plain}-backup.info`), 'utf8');
    const failed = record.replace(/^status=.*$/m, 'status=FAILED').replace(/^backup_name=.*\n/m, '');
    await writeFile(server.path('meta', '20200101T000000-backup.info'), failed);
    await mkdir(server.path('base', '20200101T000000'), { recursive: true });
  }

  /** The line numbers of postgresql.conf and everything else must be equal; clocks cannot. */
  function clean({ code, stdout, stderr }: ProgramResult): ProgramResult {
    const text = (raw: string) =>
      raw
        // A segment that came late is archived by whichever program runs first.
        .replace(/^Processing xlog segments from .*\n(?:\t[0-9A-F]{24}\n)*/gm, '')
        .replace(/start time: [^,]*, elapsed time: [^)]*\)/g, 'CLOCK)')
        .replace(
          /"recovery_(elapsed_time|elapsed_time_seconds|start_time|start_time_timestamp)": ("[^"]*"|[\d.e-]+)/g,
          '"CLOCK"',
        );
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }

  const programs = () => [
    (args: readonly string[]) => server.box.reference(args),
    (args: readonly string[]) => server.box.barman(args),
  ];

  /** Runs both with the same arguments, one after the other, into the same places; returns what each left there. */
  async function both(
    args: readonly string[],
  ): Promise<Record<'theirs' | 'ours', { result: ProgramResult; tree: string }>> {
    const runs: { result: ProgramResult; tree: string }[] = [];
    for (const program of programs()) {
      for (const name of await readdir(place)) await rm(join(place, name), { recursive: true, force: true });
      const result = clean(await program(args));
      runs.push({ result, tree: await treeOf(place) });
    }
    const [theirs, ours] = runs;
    if (!theirs || !ours) throw new Error('both programs must run');
    return { theirs, ours };
  }

  /** Type, mode, name and link target of everything, the time of what the backup holds, and a checksum of each file. */
  async function treeOf(root: string): Promise<string> {
    const names = (await exec('find', ['.', '-printf', '%y %m %p -> %l\n'], { cwd: root })).stdout.split('\n').sort();
    const times = await exec(
      'find',
      ['.', '-type', 'f', '-path', './d/base/*', '-printf', '%p %TY-%Tm-%Td %TH:%TM:%.6TS\n'],
      { cwd: root },
    );
    const sums = await exec('sh', ['-c', 'find . -type f -print0 | sort -z | xargs -0 -r sha256sum'], {
      cwd: root,
      maxBuffer: 1e8,
    });
    return [...names, ...times.stdout.split('\n').sort(), sums.stdout].join('\n');
  }

  const far = () => ['--tablespace', `far:${place}/far`];

  it.each<[string, () => readonly string[]]>([
    ['without a target', () => []],
    ['to a time', () => ['--target-time', '2030-01-01 00:00:00+05']],
    ['to a time without a zone', () => ['--target-time', '2 January 2030 10:11:12 PM']],
    [
      'to a transaction',
      () => ['--target-xid', '1234', '--exclusive', '--target-action', 'promote', '--target-tli', 'latest'],
    ],
    ['to a name', () => ['--target-name', 'foo bar', '--target-action', 'pause']],
    ['immediately', () => ['--target-immediate', '--target-tli', 'current']],
    [
      'to an immediate standby',
      () => ['--target-immediate', '--standby-mode', '--target-action', 'shutdown', '--exclusive'],
    ],
    ['as a standby', () => ['--standby-mode']],
    ['with get-wal', () => ['--get-wal', '--target-tli', '1']],
    ['with get-wal as a standby', () => ['--get-wal', '--standby-mode', '--target-tli', 'latest']],
    [
      'with its own restore command',
      () => ['--get-wal', '--restore-command', "/bin/x 'q' %f %p", '--target-immediate'],
    ],
    ['with an ignored restore command', () => ['--restore-command', '/bin/x', '--target-immediate']],
    ['with another recovery file', () => ['--recovery-conf-filename', 'mine.conf', '--target-immediate']],
    ['with staged WAL', () => ['--staging-wal-directory', join(place, 'staged'), '--target-immediate']],
    ['with an ignored --partial-wal', () => ['--partial-wal', '--target-immediate']],
    ['with a partial file that is not there', () => ['--partial-wal']],
    ['without archiving first', () => ['--skip-archive-wal', '--no-get-wal', '-j', '2', '--exclusive']],
  ])('restores %s', async (_, args) => {
    for (const id of [plain, packed]) {
      const { theirs, ours } = await both(['restore', 'pg', id, `${place}/d`, ...far(), ...args()]);
      expect(ours.result).toEqual(theirs.result);
      expect(ours.result.code).toBe(0);
      expect(ours.tree).toEqual(theirs.tree);
    }
  });

  it('reports in JSON', async () => {
    const { theirs, ours } = await both(['-f', 'json', 'restore', 'pg', 'latest', `${place}/d`, ...far(), '--get-wal']);
    expect(ours.result).toEqual(theirs.result);
    expect(JSON.parse(ours.result.stdout.replaceAll('"CLOCK", ', '').replace(/, "CLOCK"/g, ''))).toMatchObject({
      changes_count: 2,
    });
  });

  it('finds the backup by name and by itself', async () => {
    for (const args of [
      ['monthly'],
      ['auto', '--target-time', '2030-01-01 00:00Z'],
      ['auto', '--target-tli', '1'],
      ['oldest'],
      ['auto'],
    ]) {
      const [id = '', ...rest] = args;
      const { theirs, ours } = await both(['recover', 'pg', id, `${place}/d`, ...far(), ...rest]);
      expect(ours.result).toEqual(theirs.result);
      expect(ours.result.code).toBe(0);
    }
  });

  it('reads configuration files that were edited', async () => {
    const data = server.path('base', plain, 'data');
    const auto = await readFile(join(data, 'postgresql.auto.conf'));
    const edited =
      "archive_command='x'\narchive_command 'y'\narchive_command\narchive_command =\n\tarchive_command\t=\t'tab'  \narchive_commandx = 1\nrecovery_target   =   'immediate'\nrecovery_target_timelinefoo = 1\nrestore_command = 'zz'\ndata_directory = 'x y' # comment\ninclude 'foo.conf'\ninclude_dir='conf.d'\n ssl_cert_file=x\n\"hba_file\" = 'x'\nident_file=\nexternal_pid_file = 'é'\nconfig_file = \"crlf\"\r\nhba_file = 2";
    const ident = await readFile(join(data, 'pg_ident.conf'));
    try {
      await writeFile(join(data, 'postgresql.auto.conf'), edited);
      await rm(join(data, 'pg_ident.conf'));
      for (const target of [[], ['--target-immediate']]) {
        const { theirs, ours } = await both(['restore', 'pg', plain, `${place}/d`, ...far(), ...target]);
        expect(ours).toEqual(theirs);
      }
      await rm(join(data, 'postgresql.auto.conf'));
      for (const target of [[], ['--target-immediate']]) {
        const { theirs, ours } = await both(['restore', 'pg', plain, `${place}/d`, ...far(), ...target]);
        expect(ours).toEqual(theirs);
      }
    } finally {
      await writeFile(join(data, 'postgresql.auto.conf'), auto, { mode: 0o600 });
      await writeFile(join(data, 'pg_ident.conf'), ident, { mode: 0o600 });
    }
  });

  it.each<[string, () => readonly string[]]>([
    ['an unknown server', () => ['nosuch', 'latest', `${place}/d`]],
    ['all servers', () => ['all', 'latest', `${place}/d`]],
    ['an unknown backup', () => ['pg', 'nosuch', `${place}/d`]],
    ['a failed backup', () => ['pg', 'last-failed', `${place}/d`]],
    ['two targets', () => ['pg', 'latest', `${place}/d`, '--target-time', 'now', '--target-xid', '12']],
    ['auto with a transaction', () => ['pg', 'auto', `${place}/d`, '--target-xid', '12']],
    ['auto immediately', () => ['pg', 'auto', `${place}/d`, '--target-immediate']],
    ['auto too early', () => ['pg', 'auto', `${place}/d`, '--target-time', '2001-01-01 00:00:00']],
    ['auto with a low LSN', () => ['pg', 'auto', `${place}/d`, '--target-lsn', '0/1']],
    ['auto on another timeline', () => ['pg', 'auto', `${place}/d`, '--target-tli', '9']],
    ['auto on the current timeline', () => ['pg', 'auto', `${place}/d`, '--target-tli', 'current']],
    ['auto with garbage', () => ['pg', 'auto', `${place}/d`, '--target-time', 'garbage']],
    ['garbage', () => ['pg', plain, `${place}/d`, ...far(), '--target-time', 'garbage']],
    ['a time before the backup', () => ['pg', plain, `${place}/d`, ...far(), '--target-time', '2001-01-01 00:00:00Z']],
    ['an action without a target', () => ['pg', plain, `${place}/d`, ...far(), '--target-action', 'pause']],
    ['a host in the destination', () => ['pg', plain, `host:${place}/d`]],
    ['a rule without a location', () => ['pg', plain, `${place}/d`, '--tablespace', 'foo']],
    ['a rule for an unknown tablespace', () => ['pg', plain, `${place}/d`, '--tablespace', 'foo:/bar']],
    ['network compression', () => ['pg', plain, `${place}/d`, '--network-compression']],
    ['remote staging', () => ['pg', plain, `${place}/d`, '--staging-location', 'remote']],
    ['relative staging paths', () => ['pg', plain, `${place}/d`, '--staging-path', 'rel']],
    ['a relative recovery staging path', () => ['pg', plain, `${place}/d`, '--recovery-staging-path', 'rel']],
    ['a relative local staging path', () => ['pg', plain, `${place}/d`, '--local-staging-path', 'rel']],
    ['half of the deprecated staging', () => ['pg', packed, `${place}/d`, '--local-staging-path', '/tmp/x']],
    ['delta of a compressed backup', () => ['pg', packed, `${place}/d`, '--delta-restore']],
    [
      'delta with remote staging',
      () => [
        'pg',
        plain,
        `${place}/d`,
        '--delta-restore',
        '--remote-ssh-command',
        'ssh x',
        '--staging-location',
        'remote',
      ],
    ],
    ['snapshot arguments', () => ['pg', plain, `${place}/d`, '--snapshot-recovery-instance', 'foo']],
    ['a used tablespace', () => ['pg', plain, `${place}/d`]],
  ])('refuses %s', async (_, args) => {
    const { theirs, ours } = await both(['restore', ...args()]);
    expect(ours).toEqual(theirs);
    expect(ours.result.code).toBe(1);
  });

  it.each([
    ['--target-tli', 'foo'],
    ['--target-action', 'bogus'],
    ['--staging-location', 'foo'],
  ])('refuses the usage %s %s', async (option, value) => {
    const { theirs, ours } = await both(['restore', 'pg', plain, `${place}/d`, option, value]);
    const last = ({ result }: typeof ours) => [result.code, result.stderr.trimEnd().split('\n').at(-1)];
    expect(last(ours)).toEqual(last(theirs));
  });

  it('restores with the deprecated staging options, which warn', async () => {
    const { theirs, ours } = await both([
      'restore',
      'pg',
      packed,
      `${place}/d`,
      ...far(),
      '--recovery-staging-path',
      `${place}/s`,
    ]);
    expect(ours.result).toEqual(theirs.result);
  });

  it('tells the hook scripts the same', async () => {
    const script = `env | grep ^BARMAN_ | grep -v ^BARMAN_VERSION | sort >> ${place}/hooks`;
    const lines = [
      'pre_recovery_script',
      'pre_recovery_retry_script',
      'post_recovery_retry_script',
      'post_recovery_script',
    ];
    await server.box.writeConfig(server.section(lines.map((line) => `${line} = ${script}`).join('\n')));
    try {
      const args = ['restore', 'pg', plain, `${place}/d`, ...far(), '--target-name', 'foo', '--exclusive', '--get-wal'];
      const texts: string[] = [];
      for (const program of programs()) {
        for (const name of await readdir(place)) await rm(join(place, name), { recursive: true, force: true });
        expect(await program(args)).toMatchObject({ code: 0 });
        texts.push(await readFile(join(place, 'hooks'), 'utf8'));
      }
      expect(texts[1]).toBe(texts[0]);
      expect(texts[0]?.split('\n').filter((line) => line.startsWith('BARMAN_PHASE'))).toHaveLength(4);
    } finally {
      await server.box.writeConfig(server.section());
    }
  });

  it('stops when a hook script says so', async () => {
    await server.box.writeConfig(server.section('pre_recovery_retry_script = exit 63'));
    try {
      const { theirs, ours } = await both(['restore', 'pg', plain, `${place}/d`, ...far()]);
      expect(ours).toEqual(theirs);
    } finally {
      await server.box.writeConfig(server.section());
    }
  });

  it('delivers the files of the timelines that Barman delivers', async () => {
    const wals = server.path('wals');
    const index = join(wals, 'pg-xlog.db');
    const original = await readFile(index, 'utf8');
    const record = await server.record(plain);
    const segment = record.end_wal ?? '';
    const at = `${(record.end_xlog ?? '').split('/')[0]}/FFFFFFFF`;
    const added = [
      ['00000002.history', `1\t${at}\tx\n`],
      ['00000003.history', `1\t${at}\tx\n2\t${at}\tx\n`],
    ] as const;
    let lines = original;
    for (const [name, text] of added) {
      await writeFile(join(wals, name), text);
      const copy = name.slice(0, 8) + segment.slice(8);
      await mkdir(join(wals, copy.slice(0, 16)));
      await writeFile(join(wals, copy.slice(0, 16), copy), Buffer.alloc(16_777_216, 1));
      lines += `${name}\t${text.length}\t1795228707.0\tNone\tNone\n${copy}\t16777216\t1795228707.0\tNone\tNone\n`;
    }
    await writeFile(index, lines);
    try {
      for (const args of [
        [],
        ['--target-tli', 'current'],
        ['--target-tli', '2'],
        ['--target-tli', 'latest'],
        ['--target-time', '2030-01-01 00:00Z'],
      ]) {
        const { theirs, ours } = await both(['restore', 'pg', plain, `${place}/d`, ...far(), ...args]);
        expect(ours).toEqual(theirs);
      }
    } finally {
      await writeFile(index, original);
      for (const [name] of added) {
        await rm(join(wals, name));
        await rm(join(wals, name.slice(0, 8) + segment.slice(8, 16)), { recursive: true });
      }
    }
  });
});
