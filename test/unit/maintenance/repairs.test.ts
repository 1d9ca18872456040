/** Each repair does not apply to a home in order, applies to its trace, and leaves none. */
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { importPath } from '../../../src/catalog/layout.ts';
import { roleOf } from '../../../src/domain/server-role.ts';
import { HOME_REPAIRS, type Repair, repair, SERVER_REPAIRS } from '../../../src/maintenance/repairs.ts';
import { openServer } from '../../../src/server/open.ts';
import type { ServerScope } from '../../../src/server/scope.ts';
import { catalogHome } from '../../support/catalog-home.ts';
import { openWalServer, type WalServer } from '../../support/wal-server.ts';

const ID = '20261120T040000';

/** With nothing remembered. */
function reopened({ scope }: WalServer): Promise<ServerScope> {
  return openServer(scope, scope, { offline: true });
}

describe('the repairs of a server', () => {
  let box: WalServer;
  beforeEach(async () => {
    box = await openWalServer();
  });
  afterEach(() => box.dispose());

  const abandon = async (path: string) => {
    await writeFile(path, '');
    await utimes(path, 1, 1);
  };
  const traces: Readonly<Record<string, () => Promise<unknown>>> = {
    'interrupted backups': () =>
      catalogHome(join(box.root, 'home')).addBackup('pg', ID, { status: 'STARTED', end_time: 'None' }),
    'interrupted imports': () => mkdir(importPath(box.scope.catalog.layout, ID)),
    'temporary files': () => abandon(box.path('meta', `${ID}-backup.info.tmp`)),
    'interrupted deletes': () => writeFile(box.path('meta', `${ID}-delete_this`), ''),
  };

  it.each(SERVER_REPAIRS)('$name', async ({ name, applies, run }) => {
    expect(await applies(box.scope)).toBe(false);
    await traces[name]?.();
    // The listing of before is remembered.
    const scope = await reopened(box);
    expect(await applies(scope)).toBe(true);
    await run(scope);
    expect(await applies(scope)).toBe(false);
  });

  it('leave the backups of a passive node alone', async () => {
    await traces['interrupted backups']?.();
    await traces['interrupted imports']?.();
    const passive = { ...(await reopened(box)), role: roleOf({ active: true, primarySshCommand: 'ssh primary' }) };
    const applying = await Promise.all(SERVER_REPAIRS.map(async ({ applies }) => applies(passive)));
    expect(applying).toEqual([false, false, false, false]);
  });
});

describe('the repairs of a home', () => {
  it('remove lock files only where that is wanted', async () => {
    const box = await openWalServer();
    const { configuration } = box.scope;
    const row = HOME_REPAIRS.find(({ name }) => name === 'lock files');
    const wanted = (lockDirectoryCleanup: boolean) =>
      row?.applies({
        ...box.scope,
        configuration: { ...configuration, global: { ...configuration.global, lockDirectoryCleanup } },
      });
    expect([wanted(true), wanted(false)]).toEqual([true, false]);
    await box.dispose();
  });

  it('come around those of the servers in this order', () => {
    const named = (rows: readonly Repair<never>[]) => rows.map(({ name, moment }) => `${moment}: ${name}`);
    expect(named(SERVER_REPAIRS)).toEqual([
      'before the work: interrupted backups',
      'before the work: interrupted imports',
      'after the work: temporary files',
      'after the work: interrupted deletes',
    ]);
    expect(named(HOME_REPAIRS)).toEqual([
      'before the work: changes of the configuration',
      'after the work: directories of restores',
      'after the work: lock files',
    ]);
  });
});

describe('repair', () => {
  const table = (done: string[]): readonly Repair<string>[] => {
    const note = (text: string) => {
      done.push(text);
      return Promise.resolve();
    };
    const fail = (text: string) => () => Promise.reject(new Error(text));
    return [
      { name: 'a', moment: 'before the work', applies: () => true, run: (text) => note(`a ${text}`) },
      { name: 'b', moment: 'before the work', applies: () => false, run: fail('b') },
      { name: 'c', moment: 'after the work', applies: () => true, run: fail('c') },
      { name: 'd', moment: 'before the work', applies: (text) => Promise.resolve(text === 'x'), run: () => note('d') },
      { name: 'e', moment: 'after the work', applies: () => true, run: () => note('e') },
    ];
  };

  it('walks the rows of one moment that apply, in order', async () => {
    const done: string[] = [];
    await repair(table(done), 'before the work', 'x');
    expect(done).toEqual(['a x', 'd']);
  });

  it('ends at the first that fails', async () => {
    const done: string[] = [];
    await expect(repair(table(done), 'after the work', 'x')).rejects.toThrow('c');
    expect(done).toEqual([]);
  });
});
