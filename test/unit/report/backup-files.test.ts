/** What list-files cannot read, and what it must not follow. */
import { chmodSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eachDataFile, eachRequiredWal } from '../../../src/report/backup-files.ts';
import type { ServerScope } from '../../../src/server/scope.ts';
import { backupOfDay, idOfDay, spanning } from '../../support/backup-infos.ts';
import { makeHome, type TestHome } from '../../support/server-home.ts';

describe('eachDataFile', () => {
  let home: TestHome;
  beforeEach(() => {
    home = makeHome();
  });
  afterEach(() => home.dispose());

  const server = () => ({ name: 'pg', catalog: home.catalog }) as ServerScope;

  async function list(changes = {}) {
    const paths: string[] = [];
    const unreadable: string[] = [];
    const rules = {
      emptyDirectories: false,
      onUnreadable: (path: string, reason: string) => void unreadable.push(`${path}: ${reason}`),
    };
    await eachDataFile(server(), backupOfDay(1, changes), rules, (path) => void paths.push(path));
    return { paths, unreadable };
  }

  it.skipIf(process.getuid?.() === 0)('names a directory that it may not read, and lists the rest', async () => {
    const file = home.write(`base/${idOfDay(1)}/data/PG_VERSION`, '15\n');
    const closed = home.path(`base/${idOfDay(1)}/data/closed`);
    mkdirSync(closed, { mode: 0 });
    const found = await list();
    chmodSync(closed, 0o755);
    expect(found).toEqual({ paths: [file], unreadable: [`${closed}: Permission denied`] });
  });

  it('tells a backup without its directory, but not one that has not begun', async () => {
    const root = home.path('base', idOfDay(1));
    expect(await list()).toEqual({ paths: [], unreadable: [`${root}: No such file or directory`] });
    expect(await list({ status: 'EMPTY' })).toEqual({ paths: [], unreadable: [] });
  });

  it('follows no link out of the catalog', async () => {
    home.write(`base/${idOfDay(1)}/data/PG_VERSION`, '15\n');
    symlinkSync('/etc', home.path(`base/${idOfDay(1)}/data/etc`));
    expect((await list()).paths).toEqual([home.path(`base/${idOfDay(1)}/data/PG_VERSION`)]);
    renameSync(home.path('base', idOfDay(1)), home.path('elsewhere'));
    symlinkSync('../elsewhere', home.path('base', idOfDay(1)));
    await expect(list()).rejects.toThrow('is a symbolic link');
  });

  it('does not believe a record that would list for ever', () => {
    const info = backupOfDay(1, spanning('000000010000000000000001', '00000001FFFFFFFF00000001'));
    expect(() => eachRequiredWal(server(), info, () => {})).toThrow('cannot be right');
  });
});
