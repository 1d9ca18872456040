/** check-wal-archive, check-archived-wal-range, rebuild-xlogdb, list-files and sync-info beside the reference. */
import { mkdir, readFile, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  catalogHome,
  type CatalogHome,
  segment,
  segments,
  span,
  UNSTARTED,
  type WalLine,
} from '../support/catalog-home.ts';
import { barmanProgram, makeSandbox, type ProgramResult, referenceFolder, type Sandbox } from '../support/sandbox.ts';

const id = (day: number) => `202611${String(day).padStart(2, '0')}T040000`;
const section = (name: string, extra = '') =>
  `[${name}]\nconninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n${extra}\n`;

const LINES: readonly WalLine[] = [
  ...segments(1, 6),
  { name: `${segment(4)}.00000028.backup`, size: 300 },
  { name: '00000002.history', size: 40, time: 1_793_505_600.123_456_7 },
  ...segments(7, 15).map((line) => ({ ...line, compression: 'gzip', size: 1000 })),
  { name: `${segment(16)}.partial` },
  ...segments(9, 11, 2),
  { name: '00000003.history' },
];

const SMALL = ['000000010000000000000FFE', '000000010000000000000FFF', '000000010000000100000000'];

describe.skipIf(referenceFolder === undefined)('the WAL part of the catalog beside the reference', () => {
  let sandbox: Sandbox;
  let home: CatalogHome;

  beforeAll(async () => {
    sandbox = await makeSandbox();
    home = catalogHome(sandbox.home);
    await sandbox.writeConfig(
      [
        section('pg', 'description = "Ünïcode \\ \'q\' / server"\nlast_backup_maximum_age = 2 MONTHS'),
        section('empty'),
        section('small', 'retention_policy = RECOVERY WINDOW OF 3 weeks\nlast_wal_maximum_age = 1 HOUR'),
        section('off', 'active = off'),
        section('odd'),
        '[node]\nprimary_ssh_command = false\n',
      ].join('\n'),
    );
    await home.addBackup('pg', id(1), {
      ...span(3, 4),
      backup_name: 'weekly',
      tablespaces: "[('ts1', 16386, '/s 1')]",
    });
    await home.addBackup('pg', id(2), {
      ...span(8, 9),
      begin_time: '2026-11-02 04:00:00-03:30',
      included_files: "['/etc/pg/a.conf']",
      copy_stats: "{'total_time': 5.0, 'number_of_workers': 3, 'copy_time_per_item': {'pgdata': 0.5}}",
      children_backup_ids: `${id(4)},${id(5)}`,
    });
    await home.addBackup('pg', id(3), { ...span(12, 12), status: 'FAILED' });
    await home.addBackup('pg', id(4), {
      ...span(9, 9, 2),
      begin_time: '2026-11-04 04:00:00+00:00',
      end_time: '2026-11-04 04:00:05+00:00',
      status: 'WAITING_FOR_WALS',
      mode: 'rsync-concurrent',
    });
    await home.writeWals('pg', LINES);
    const range = { begin_wal: SMALL[0] ?? '', end_wal: SMALL[2] ?? '', xlog_segment_size: '1048576' };
    await home.addBackup('small', id(1), range);
    await home.writeWals(
      'small',
      SMALL.map((name) => ({ name })),
    );
    await home.addBackup('odd', id(1), { ...UNSTARTED, server_name: 'odd' });
    await home.addBackup('odd', id(2), { ...span(3, 4), status: 'FAILED' });
    await home.addBackup('odd', id(3), { begin_wal: segment(3), end_wal: 'None', end_time: 'None', status: 'STARTED' });
    await home.writeWals('odd', [...segments(3, 5), ...segments(3, 4), { name: '00000002.history' }]);
    await home.writeWals('empty', []);
    const data = home.folder('pg', 'base', id(1), 'data');
    for (const name of ['base/1', 'base/sub', 'pg_tblspc', 'empty', '../16386/PG_15'])
      await mkdir(`${data}/${name}`, { recursive: true });
    for (const name of ['base/1/99', 'base/1/100', 'base/sub/é', '.hidden', '../16386/PG_15/5'])
      await writeFile(`${data}/${name}`, '');
    await symlink('../../16386', `${data}/pg_tblspc/16386`);
    await symlink('/etc/passwd', `${data}/to-file`);
    await symlink('nowhere', `${data}/to-nothing`);
  });

  afterAll(() => sandbox?.dispose());

  async function compare(...args: string[]): Promise<ProgramResult> {
    const [ours, theirs] = [await sandbox.barman(args), await sandbox.reference(args)];
    expect(ours).toEqual(theirs);
    return ours;
  }

  it.each(['console', 'json'])('checks whether an archive has room (%s)', async (format) => {
    for (const server of ['empty', 'off', 'node', 'pg', 'all', 'nosuch'])
      await compare('-f', format, 'check-wal-archive', server);
    for (const timeline of ['1', '2', '3', '4'])
      await compare('-f', format, 'check-wal-archive', '--timeline', timeline, 'pg');
    expect((await compare('-f', format, 'check-wal-archive', '--timeline', '2', 'small')).code).toBe(0);
  });

  it.each(['console', 'json'])('checks a range of the archive (%s)', async (format) => {
    const check = (...args: string[]) => compare('-f', format, 'check-archived-wal-range', ...args);
    expect((await check('pg', segment(1), segment(15))).code).toBe(0);
    expect((await check('pg', segment(0), segment(18))).code).toBe(1);
    await check('pg', segment(9, 2), segment(12, 2));
    expect((await check('small', SMALL[0] ?? '', SMALL[2] ?? '')).code).toBe(0);
    await check('small', '000000010000000000000FFD', '000000010000000100000002');
    for (const server of ['empty', 'odd', 'node']) await check(server, segment(1), segment(2));
    for (const [begin, end] of [
      [segment(2), segment(1)],
      [segment(2), segment(2, 2)],
      ['foo', segment(1)],
      [segment(1), '00000002.history'],
      [`${segment(1)}.partial`, segment(2)],
    ])
      await check('pg', begin ?? '', end ?? '');
    await compare('-d', 'check-archived-wal-range', 'pg', segment(2), segment(3));
  });

  it('answers for the longest range at once', async () => {
    const { code, stdout } = await sandbox.barman([
      'check-archived-wal-range',
      'pg',
      segment(1),
      '00000001FFFFFFFF000000FF',
    ]);
    expect(code).toBe(1);
    expect(stdout).toBe(
      `Server pg:\n\tWAL sequence check for server pg: 1099511627760 missing segment(s):\n\t\t${segment(16)}..00000001FFFFFFFF000000FF\n`,
    );
  });

  it.each(['console', 'json'])('lists the files of a backup (%s)', async (format) => {
    for (const target of ['standalone', 'data', 'wal', 'full']) {
      for (const day of [1, 2, 4]) await compare('-f', format, 'list-files', '--target', target, 'pg', id(day));
      await compare('-f', format, 'list-files', '--target', target, 'odd', id(2));
    }
    expect((await compare('-f', format, 'list-files', '--list-empty-directories', 'pg', 'weekly')).stdout).toContain(
      'data/empty',
    );
    await compare('-f', format, 'list-files', 'pg', 'nosuch');
    await compare('-q', '-f', format, 'list-files', 'pg', 'weekly');
    await compare('-f', format, 'list-files', 'small', 'latest');
    await compare('-f', format, 'list-files', '--target', 'wal', 'odd', id(3));
  });

  it('lists what there is where the reference does not end, or crashes', async () => {
    const list = (...args: string[]) => sandbox.barman(['list-files', ...args]);
    const data = home.folder('odd', 'base', id(3), 'data');
    const files = ['PG_VERSION', 'backup_manifest', 'global/pg_control'].map((name) => `${data}/${name}\n`);
    expect(await list('odd', id(3))).toEqual({ code: 0, stdout: files.join(''), stderr: '' });
    expect((await list('odd', id(1))).code).toBe(0);
    const odd = Buffer.concat([
      Buffer.from(`${home.folder('odd', 'base', id(3), 'data')}/`),
      Buffer.from([0x6e, 0xff]),
    ]);
    await writeFile(odd, '');
    try {
      expect((await sandbox.barman(['-f', 'json', 'list-files', 'odd', id(3)])).stdout).toContain(String.raw`n\udcff`);
      expect((await list('odd', id(3))).code).toBe(0);
    } finally {
      await unlink(odd);
    }
  });

  it('prints the same document for passive nodes', async () => {
    for (const server of ['pg', 'small', 'empty', 'off', 'odd', 'node', 'nosuch']) await compare('sync-info', server);
    for (const option of ['-q', '-fjson', '-qfjson']) await compare(option, 'sync-info', 'pg');
    const requests = [
      '',
      'aaa',
      segment(0),
      segment(1),
      segment(5),
      segment(15),
      segment(20),
      segment(11, 2),
      '00000002.history',
      '00000003.history',
      `${segment(4)}.00000028.backup`,
    ];
    for (const wal of requests) await compare('sync-info', 'pg', wal);
    for (const position of ['100', '232', '99999999']) await compare('sync-info', 'pg', segment(5), position);
    await compare('-f', 'json', 'sync-info', 'pg', 'aaa');
    await compare('sync-info', '--primary', 'pg');
    await compare('sync-info', '--primary', 'node');
    await compare('sync-info', '--primary', 'node', segment(1), '5');
    for (const position of ['0', 'x']) {
      const [ours, theirs] = [
        await sandbox.barman(['sync-info', 'pg', segment(5), position]),
        await sandbox.reference(['sync-info', 'pg', segment(5), position]),
      ];
      expect([ours.code, ours.stderr.split('\n').at(-2)]).toEqual([theirs.code, theirs.stderr.split('\n').at(-2)]);
    }
  });

  it('reads an index that is in no order as the reference does', async () => {
    const file = home.folder('pg', 'wals', 'pg-xlog.db');
    const saved = await readFile(file);
    const write = (names: readonly string[]) =>
      home.writeWals(
        'pg',
        names.map((name) => ({ name, missing: true })),
      );
    try {
      await write([segment(3), segment(4), segment(9), segment(5), segment(6)]);
      for (const args of [[], [segment(5)], [segment(5), '172'], [segment(4), '57'], [segment(8)], [segment(9), '114']])
        await compare('sync-info', 'pg', ...args);
      await write([
        `${segment(3)}.partial`,
        segment(3),
        `${segment(4)}.partial`,
        segment(4),
        `${segment(4)}.00000028.backup`,
      ]);
      const last = String((await stat(file)).size - 73);
      for (const args of [[], [segment(4)], [segment(4), last], [`${segment(4)}.00000028.backup`, last]])
        await compare('sync-info', 'pg', ...args);
    } finally {
      await writeFile(file, saved);
    }
  });

  it('asks the primary with the same words, and believes no answer unread', async () => {
    const box = await makeSandbox();
    try {
      const asked = `${box.root}/asked`;
      const ssh = `${box.root}/ssh`;
      const reply = `${box.root}/reply`;
      await writeFile(ssh, `#!/bin/bash\nprintf '%s|' "$@" >> ${asked}\necho >> ${asked}\n. ${reply}\n`, {
        mode: 0o755,
      });
      await box.writeConfig(
        `[pg]\nprimary_ssh_command = ${ssh} me@primary\n[other]\nforward_config_path = on\nprimary_ssh_command = ${ssh} -x 'a b'\n[blank]\nprimary_ssh_command = " "\n`,
      );
      const primary = `exec ${barmanProgram} -c ${sandbox.configFile} sync-info pg\n`;
      const stored = `${box.home}/pg/primary.info`;
      const both = async (...args: string[]) => {
        const ours = await box.barman(['sync-info', '--primary', ...args]);
        const wasAsked = await readFile(asked, 'utf8');
        await rm(asked);
        const theirs = await box.reference(['sync-info', '--primary', ...args]);
        expect(wasAsked).toBe(await readFile(asked, 'utf8'));
        await rm(asked);
        return [ours, theirs] as const;
      };
      const equal = async (...args: string[]) => {
        const [ours, theirs] = await both(...args);
        expect(ours).toEqual(theirs);
        return ours;
      };
      await writeFile(reply, primary);
      await equal('other');
      for (const args of [[], [segment(5)], [segment(5), '232']]) expect((await equal('pg', ...args)).code).toBe(0);
      await rm(stored);
      const { stdout } = await box.barman(['sync-info', '--primary', 'pg']);
      expect(await readFile(stored, 'utf8')).toBe(stdout.slice(0, -1));
      expect((await stat(stored)).mode & 0o777).toBe(0o600);
      for (const words of ['echo oops >&2; exit 3', 'echo banner; echo oops >&2; exit 1']) {
        await rm(asked, { force: true });
        await writeFile(reply, words);
        await equal('pg');
        await equal('pg', segment(5));
      }
      for (const words of [
        'echo "{not json"',
        'echo "{}"',
        `echo '{"last_position": 1, "last_name": "../x", "backups": {}, "wals": [], "config": {}}'`,
      ]) {
        await writeFile(reply, words);
        const refused = await box.barman(['sync-info', '--primary', 'pg']);
        expect([refused.code, refused.stdout, refused.stderr.split(':').slice(0, 2).join(':')]).toEqual([
          1,
          '',
          'ERROR: the answer of the primary of server pg cannot be used',
        ]);
        expect(await readFile(stored, 'utf8')).toBe(stdout.slice(0, -1));
      }
      await rm(asked);
      await box.barman(['sync-info', '--primary', 'pg', '$(touch /x)']);
      expect((await readFile(asked, 'utf8')).split('\n')[0]).toBe("me@primary|barman sync-info pg '$(touch /x)' |");
      expect((await box.barman(['sync-info', '--primary', 'blank'])).stderr).toBe(
        'ERROR: Invalid primary_ssh_command in barman configuration for server blank\n',
      );
      const secret = { conninfo: "host=a password='it s'", aws_sse_customer_key: 'k' };
      const document = { last_position: 0, last_name: '', backups: {}, wals: [], version: '3.20.1', config: secret };
      await writeFile(`${box.root}/document`, JSON.stringify(document, null, 4));
      await writeFile(reply, `cat ${box.root}/document`);
      for (const format of ['console', 'json']) {
        const shown = (await box.barman(['-f', format, 'sync-info', '--primary', 'pg'])).stdout;
        expect(shown).not.toMatch(/it s|"k"/);
        expect(shown).toContain('password=*REDACTED*');
      }
    } finally {
      await box.dispose();
    }
  });

  it('hides the passwords that the reference prints', async () => {
    const box = await makeSandbox();
    try {
      await box.writeConfig(
        '[pg]\nconninfo = host=1 password=hidden\nstreaming_conninfo = host=1 password=secret user=u\narchiver = on\naws_sse_customer_key = key\nbackup_method = postgres\n',
      );
      const [ours, theirs] = [await box.barman(['sync-info', 'pg']), await box.reference(['sync-info', 'pg'])];
      expect(ours.stdout).toBe(
        theirs.stdout
          .replace('password=hidden', 'password=*REDACTED*')
          .replace('password=secret', 'password=*REDACTED*')
          .replace('"key"', '"*REDACTED*"'),
      );
    } finally {
      await box.dispose();
    }
  });

  it('says where files and index disagree, and repairs it like the reference', async () => {
    const wal = (number: number) =>
      `${home.folder('small', 'wals', '0000000100000000')}/000000010000000000000${number.toString(16).toUpperCase().padStart(3, '0')}`;
    const index = home.folder('small', 'wals', 'small-xlog.db');
    await writeFile(wal(0xffd), 'x');
    await unlink(wal(0xffe));
    const range = ['check-archived-wal-range', 'small', '000000010000000000000FFD', SMALL[2] ?? ''];
    const [ours, theirs] = [await sandbox.barman(range), await sandbox.reference(range)];
    expect([ours.code, ours.stdout]).toEqual([theirs.code, theirs.stdout]);
    expect(ours.stderr).toBe(
      `WARNING: archived, but not listed in '${index}': ${wal(0xffd)}\nrun "barman rebuild-xlogdb small" to list them\n` +
        `WARNING: listed in '${index}', but there is no such file: ${wal(0xffe)}\nrun "barman rebuild-xlogdb small" when the files cannot be brought back\n${theirs.stderr}`,
    );
    for (const args of [['small'], ['all'], ['off'], ['nosuch', 'pg'], ['node', 'empty']]) {
      for (const format of ['console', 'json']) await compare('-f', format, 'rebuild-xlogdb', ...args);
    }
    for (const server of ['pg', 'small']) {
      const file = home.folder(server, 'wals', `${server}-xlog.db`);
      await sandbox.reference(['rebuild-xlogdb', server]);
      const text = await readFile(file, 'utf8');
      await sandbox.barman(['rebuild-xlogdb', server]);
      expect(await readFile(file, 'utf8')).toBe(text);
    }
    const [again, theirsAgain] = [await sandbox.barman(range), await sandbox.reference(range)];
    expect(again).toEqual(theirsAgain);
    await writeFile(index, 'junk\n');
    for (const command of [
      ['check-wal-archive', 'small'],
      ['sync-info', 'small'],
      ['list-files', '--target', 'wal', 'small', 'latest'],
    ]) {
      expect((await sandbox.barman(command)).stderr).toBe(
        `ERROR: cannot parse line: 'junk'\nHINT: Please run "barman rebuild-xlogdb small" to solve this issue: '${index}' is damaged\n`,
      );
    }
    expect((await sandbox.barman(range)).stderr).toContain(
      `the WAL index '${index}' cannot be compared with the files`,
    );
  });
});
