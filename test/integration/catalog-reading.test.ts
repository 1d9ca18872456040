/** list-backups, show-backup and keep as an administrator meets them, on catalogs with damage. Needs no PostgreSQL. */
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock } from '../../src/host/lock.ts';
import { type CatalogHome, catalogHome, recordText, segment, segments, span } from '../support/catalog-home.ts';
import { makeSandbox, type Sandbox } from '../support/sandbox.ts';

const [FIRST, SECOND, THIRD] = ['20261101T040000', '20261102T040000', '20261103T040000'] as const;
const section = (name: string, extra = '') =>
  `[${name}]\nconninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n${extra}\n`;

let box: Sandbox;
let home: CatalogHome;

beforeEach(async () => {
  box = await makeSandbox();
  home = catalogHome(box.home);
  await box.writeConfig(section('pg', 'retention_policy = REDUNDANCY 1') + section('other'));
  await home.addBackup('pg', FIRST, span(2, 2));
  await home.addBackup('pg', SECOND, span(5, 5));
  await home.writeWals('pg', segments(1, 6));
});

afterEach(() => box.dispose());

const LIST = [
  `pg ${SECOND} - F - Sun Nov  1 04:00:05 2026 - Size: 38.8 MiB - WAL Size: 16.0 MiB\n`,
  `pg ${FIRST} - F - Sun Nov  1 04:00:05 2026 - Size: 38.8 MiB - WAL Size: 48.0 MiB - OBSOLETE\n`,
].join('');

const damage = (id: string, reason: string) =>
  [
    `WARNING: The record of backup ${id} of server pg cannot be read: ${home.folder('pg', 'meta', `${id}-backup.info`)}: ${reason}.`,
    'The backup is not listed, never deleted by retention, and no WAL file is deleted while it is there.',
    `Put a good copy of the file in its place, or, if the backup is of no use, remove ${home.folder('pg', 'meta', `${id}-backup.info`)} and ${home.folder('pg', 'base', id)} by hand.`,
    '',
  ].join('\n');

describe('a record that cannot be read', () => {
  it.each([
    ['', 'it is empty'],
    [recordText().slice(0, 700), 'it is cut short: its last line has no end'],
    [recordText({ status: 'WEIRD' }), "the value 'WEIRD' of 'status' is not valid"],
  ])('is named, and the others are listed', async (text, reason) => {
    await home.addRecord('pg', THIRD, text);
    expect(await box.barman(['list-backups', 'pg'])).toEqual({ code: 0, stdout: LIST, stderr: damage(THIRD, reason) });
    const json = await box.barman(['-f', 'json', 'list-backups', '--minimal', 'pg']);
    expect(JSON.parse(json.stdout)).toEqual({
      pg: [SECOND, FIRST],
      _WARNING: [damage(THIRD, reason).trim().replace('WARNING: ', '')],
    });
    expect((await box.barman(['show-backup', 'pg', 'latest'])).stderr).toBe(damage(THIRD, reason));
    expect(await box.barman(['show-backup', 'pg', THIRD])).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(`${home.folder('pg', 'meta', `${THIRD}-backup.info`)}: ${reason}\nHINT: `),
    });
    expect((await box.barman(['delete', 'pg', THIRD])).code).toBe(1);
    expect(await readFile(home.folder('pg', 'meta', `${THIRD}-backup.info`), 'utf8')).toBe(text);
  });
});

describe('a damaged index', () => {
  it.each([
    ['bogus\t16777216\t1793505600.0\tNone\tNone\n', "invalid WAL segment name 'bogus'"],
    ['no columns\n', "cannot parse line: 'no columns'"],
  ])('costs the sizes of that server, not the list (%j)', async (line, reason) => {
    await home.addBackup('other', FIRST, span(2, 2));
    await home.writeWals('other', segments(1, 6));
    await appendFile(home.folder('pg', 'wals', 'pg-xlog.db'), line);
    const error = `ERROR: ${reason}\nHINT: Please run "barman rebuild-xlogdb pg" to solve this issue: '${home.folder('pg', 'wals', 'pg-xlog.db')}' is damaged\n`;
    const { code, stdout, stderr } = await box.barman(['list-backups', 'all']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: error });
    expect(stdout).toBe(
      [
        `other ${FIRST} - F - Sun Nov  1 04:00:05 2026 - Size: 38.8 MiB - WAL Size: 64.0 MiB`,
        `pg ${SECOND} - F - Sun Nov  1 04:00:05 2026 - Size: 22.8 MiB - WAL Size: 0 B`,
        `pg ${FIRST} - F - Sun Nov  1 04:00:05 2026 - Size: 22.8 MiB - WAL Size: 0 B - OBSOLETE`,
        '',
      ].join('\n'),
    );
    expect(await box.barman(['show-backup', 'pg', SECOND])).toEqual({ code: 1, stdout: '', stderr: error });
  });

  it('is built from the files when it is missing', async () => {
    await rm(home.folder('pg', 'wals', 'pg-xlog.db'));
    const { code, stdout } = await box.barman(['list-backups', 'pg']);
    expect(code).toBe(0);
    // The files of this archive hold their own name: 24 bytes.
    expect(stdout.split('\n')[1]).toBe(
      `pg ${FIRST} - F - Sun Nov  1 04:00:05 2026 - Size: 22.8 MiB - WAL Size: 72 B - OBSOLETE`,
    );
    expect((await readFile(home.folder('pg', 'wals', 'pg-xlog.db'), 'utf8')).split('\n')[0]).toContain(
      `${segment(1)}\t24\t`,
    );
  });

  it('and an unreadable timeline history leave the rest to be shown', async () => {
    await writeFile(home.folder('pg', 'wals', '00000002.history'), 'nonsense\n');
    const { code, stdout, stderr } = await box.barman(['show-backup', 'pg', FIRST]);
    expect(code).toBe(0);
    expect(stderr).toBe(
      "WARNING: cannot read the timeline history '00000002.history' of server pg: cannot read line 'nonsense' of timeline history file '00000002.history'\n",
    );
    expect(stdout).not.toContain('Reachable timelines');
  });
});

describe('keep', () => {
  it('sets, shows and releases, and the list shows it', async () => {
    expect(await box.barman(['keep', '--target', 'standalone', 'pg', 'first'])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    expect(await readFile(home.folder('pg', 'meta', `${FIRST}-keep`), 'utf8')).toBe('standalone');
    expect((await box.barman(['keep', '--status', 'pg', FIRST])).stdout).toBe('Server pg:\n\tKeep: standalone\n');
    expect((await box.barman(['list-backups', 'pg'])).stdout).toBe(LIST.replace('OBSOLETE', 'KEEP:STANDALONE'));
    // Setting it again replaces it; several words: the harmless one wins.
    await box.barman(['keep', '--target', 'full', 'pg', FIRST]);
    expect((await box.barman(['keep', '-r', '-s', '--target', 'standalone', 'pg', FIRST])).stdout).toBe(
      'Server pg:\n\tKeep: full\n',
    );
    expect((await box.barman(['-f', 'json', 'keep', '--release', 'pg', FIRST])).stdout).toBe('{}');
    expect(await box.barman(['keep', '--release', 'pg', FIRST])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await readdir(home.folder('pg', 'meta'))).toEqual([`${FIRST}-backup.info`, `${SECOND}-backup.info`]);
  });

  it('refuses what cannot be kept', async () => {
    await home.addBackup('pg', THIRD, { ...span(6, 6), parent_backup_id: SECOND });
    await home.addBackup('pg', '20261104T040000', { ...span(6, 6), status: 'WAITING_FOR_WALS' });
    const errors = [
      [['pg', 'first'], 'ERROR: one of the arguments -r/--release -s/--status --target is required\n'],
      [
        ['--target', 'full', 'pg', THIRD],
        `ERROR: Unable to execute the keep command on backup ${THIRD}: is an incremental backup.\nOnly full backups are eligible for the use of the keep command.\n`,
      ],
      [
        ['--target', 'full', 'pg', 'latest'],
        'ERROR: Cannot add keep to backup 20261104T040000 because it has status WAITING_FOR_WALS. Only backups with status DONE can be kept.\n',
      ],
      [['--target', 'full', 'pg', ''], "ERROR: Unknown backup '' for server 'pg'\n"],
      [['--target', 'full', 'nosuch', 'latest'], "ERROR: Unknown server 'nosuch'\n"],
    ] as const;
    for (const [args, stderr] of errors)
      expect(await box.barman(['keep', ...args])).toEqual({ code: 1, stdout: '', stderr });
    expect((await readdir(home.folder('pg', 'meta'))).filter((name) => name.endsWith('-keep'))).toEqual([]);
  });

  it('waits for a delete that is at work', async () => {
    const lock = await acquireLock(`${box.home}/.pg-${FIRST}.lock`, { wait: false });
    const keeping = box.barman(['keep', '--target', 'full', 'pg', FIRST]);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await readdir(home.folder('pg', 'meta'))).toEqual([`${FIRST}-backup.info`, `${SECOND}-backup.info`]);
    await rm(home.folder('pg', 'meta', `${FIRST}-backup.info`));
    await lock.release();
    expect(await keeping).toEqual({
      code: 1,
      stdout: '',
      stderr: `ERROR: Unknown backup '${FIRST}' for server 'pg'\n`,
    });
  });
});
