import { mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { chmod, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RecoveryPlan } from '../../../../src/restore/plan.ts';
import { adaptConfiguration, createSignal } from '../../../../src/restore/configure/postgres-conf.ts';
import { postgresVersion } from '../../../../src/domain/postgres-version.ts';

let destination: string;

beforeEach(() => {
  destination = mkdtempSync(join(tmpdir(), 'barman-conf-'));
});

afterEach(() => rm(destination, { recursive: true, force: true }));

const plan = (changes: Partial<RecoveryPlan> = {}) =>
  ({
    destination,
    version: postgresVersion(150_018),
    recoveryFile: 'postgresql.auto.conf',
    ...changes,
  }) as RecoveryPlan;

const write = (name: string, content: string | Uint8Array) => writeFile(join(destination, name), content);

/** Mode and content of every file. */
function files(): Record<string, string> {
  const entries = readdirSync(destination, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  const key = (path: string) => `${relative(destination, path)} ${(statSync(path).mode & 0o7777).toString(8)}`;
  return Object.fromEntries(paths.map((path) => [key(path), readFileSync(path, 'utf8')]));
}

describe('adaptConfiguration', () => {
  it('rewrites the files, keeps their modes and originals, appends the settings', async () => {
    await write('postgresql.conf', "port = 1\narchive_command = 'x'\nhba_file = 'y'\n");
    await write('postgresql.auto.conf', "recovery_target_time = 'old'\n");
    await write('pg_hba.conf', '');
    await chmod(join(destination, 'postgresql.conf'), 0o640);
    await chmod(join(destination, 'postgresql.auto.conf'), 0o600);
    await chmod(join(destination, 'pg_hba.conf'), 0o600);
    const report = await adaptConfiguration(plan(), ["restore_command = 'a'", "recovery_target_time = 'new'"]);
    expect(files()).toEqual({
      'pg_hba.conf 600': '',
      'postgresql.auto.conf 600':
        "#BARMAN#recovery_target_time = 'old'\n\nrestore_command = 'a'\nrecovery_target_time = 'new'\n",
      'postgresql.auto.conf.origin 600': "recovery_target_time = 'old'\n",
      'postgresql.conf 640': "port = 1\n#BARMAN#archive_command = 'x'\narchive_command = false\nhba_file = 'y'\n",
      'postgresql.conf.origin 640': "port = 1\narchive_command = 'x'\nhba_file = 'y'\n",
    });
    expect(report).toEqual({
      changes: [
        { file: 'postgresql.conf', line: 1, key: 'archive_command', value: 'false' },
        { file: 'postgresql.auto.conf', line: 0, key: 'recovery_target_time', value: null },
      ],
      warnings: [{ file: 'postgresql.conf', line: 3, key: 'hba_file', value: "'y'" }],
      missing: ['pg_ident.conf'],
    });
  });

  it('creates a missing recovery file, and no other', async () => {
    const report = await adaptConfiguration(plan(), ["restore_command = 'a'"]);
    expect(files()).toEqual({
      'postgresql.auto.conf 600': "restore_command = 'a'\n",
      'postgresql.auto.conf.origin 600': '',
    });
    expect(report.missing).toEqual(['postgresql.conf', 'postgresql.auto.conf', 'pg_hba.conf', 'pg_ident.conf']);
  });

  it('writes the settings of an older PostgreSQL to recovery.conf alone', async () => {
    await write('postgresql.auto.conf', 'a = 1\n');
    await adaptConfiguration(plan({ version: postgresVersion(110_022), recoveryFile: 'recovery.conf' }), [
      "standby_mode = 'on'",
    ]);
    expect((await readFile(join(destination, 'recovery.conf'))).toString()).toBe("standby_mode = 'on'\n");
    expect((await readFile(join(destination, 'postgresql.auto.conf'))).toString()).toBe('a = 1\n');
  });

  it('keeps bytes that are no UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from('# caf'), Buffer.from([0xe9]), Buffer.from("\narchive_command = 'x'\n")]);
    await write('postgresql.conf', bytes);
    await adaptConfiguration(plan(), []);
    expect(await readFile(join(destination, 'postgresql.conf'))).toEqual(
      Buffer.concat([
        Buffer.from('# caf'),
        Buffer.from([0xe9]),
        Buffer.from("\n#BARMAN#archive_command = 'x'\narchive_command = false\n"),
      ]),
    );
    expect(await readFile(join(destination, 'postgresql.conf.origin'))).toEqual(bytes);
  });

  it('does not write through a link', async () => {
    const victim = join(destination, 'victim');
    await write('victim', "archive_command = 'x'\n");
    await symlink(victim, join(destination, 'postgresql.conf'));
    const report = await adaptConfiguration(plan(), []);
    expect(await readFile(victim, 'utf8')).toBe("archive_command = 'x'\n");
    expect(report.missing).toContain('postgresql.conf');
  });
});

describe('createSignal', () => {
  it('sets the standby.signal of a backup from a standby aside: it would win', async () => {
    await write('standby.signal', '');
    await createSignal(destination, 'recovery.signal');
    expect(Object.keys(files()).map((name) => name.split(' ')[0])).toEqual([
      'recovery.signal',
      'standby.signal.origin',
    ]);
  });

  it('is content with one that is there', async () => {
    await write('standby.signal', '');
    await createSignal(destination, 'standby.signal');
    expect(Object.keys(files())).toEqual(['standby.signal 600']);
  });
});
