import { mkdtempSync } from 'node:fs';
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServerConfig } from '../../../src/config/options.ts';
import { checkDestinations, prepareDirectory } from '../../../src/restore/destinations.ts';
import { checkRoom } from '../../../src/restore/room.ts';
import type { PlannedTablespace, RecoveryPlan } from '../../../src/restore/plan.ts';
import { parseLocation } from '../../../src/domain/location.ts';

let root: string;
let home: string;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'barman-destination-'));
  home = join(root, 'home');
  for (const name of ['base', 'wals', 'incoming', 'streaming', 'errors'])
    await mkdir(join(home, 'main', name), { recursive: true });
});

afterEach(() => rm(root, { recursive: true, force: true }));

function server(): ServerConfig {
  const at = (name: string) => join(home, 'main', name);
  return {
    name: 'main',
    backupDirectory: join(home, 'main'),
    basebackupsDirectory: parseLocation(at('base')),
    walsDirectory: parseLocation(at('wals')),
    incomingWalsDirectory: at('incoming'),
    streamingWalsDirectory: at('streaming'),
    errorsDirectory: at('errors'),
    xlogdbDirectory: parseLocation(at('wals')),
  } as ServerConfig;
}

function plan(destination: string, spaces: Record<string, string> = {}): RecoveryPlan {
  const tablespaces: PlannedTablespace[] = Object.entries(spaces).map(([name, location], index) => ({
    oid: 16384 + index,
    name,
    location,
    path: location,
  }));
  return { destination, shownDestination: destination, tablespaces, delta: false } as unknown as RecoveryPlan;
}

const check = (target: RecoveryPlan, staging: string | null = null) => checkDestinations(target, [server()], staging);

describe('checkDestinations', () => {
  it('takes missing and empty directories', async () => {
    await mkdir(join(root, 'empty'));
    await check(plan(join(root, 'new/deep'), { t1: join(root, 'empty'), t2: join(root, 't2') }), join(root, 'wal'));
  });

  it('takes a tablespace and a WAL directory inside the destination', async () => {
    await check(plan(join(root, 'new'), { t1: join(root, 'new/t1') }), join(root, 'new/staged'));
  });

  it.each(['file', '.hidden'])('refuses a destination that holds %s', async (name) => {
    await mkdir(join(root, 'used'));
    await writeFile(join(root, 'used', name), '');
    await expect(check(plan(join(root, 'used')))).rejects.toThrow(
      `The restore operation cannot proceed because the destination folder '${join(root, 'used')}' is not empty. To prevent accidental data loss, the destination must be empty. Please choose a different location or manually empty the folder.`,
    );
    await expect(check(plan(join(root, 'd'), { t1: join(root, 'used') }))).rejects.toThrow(
      `The restore operation cannot proceed. The destination path '${join(root, 'used')}' for the tablespace 't1' is not empty. To prevent accidental data loss, the tablespace destination must be empty. Please choose a different location or manually empty the folder.`,
    );
    await expect(check(plan(join(root, 'd')), join(root, 'used'))).rejects.toThrow(
      `Cannot stage WAL files in '${join(root, 'used')}': it is not empty`,
    );
  });

  it('refuses a file and a dangling link', async () => {
    await writeFile(join(root, 'file'), '');
    await symlink('nowhere', join(root, 'link'));
    await expect(check(plan(join(root, 'file')))).rejects.toThrow('is not empty');
    await expect(check(plan(join(root, 'link')))).rejects.toThrow('is a symbolic link to nowhere');
  });

  it.each(['main', 'main/base/20260101T000000', 'main/wals/x', 'main/incoming/x'])(
    'refuses %s of the catalog',
    async (name) => {
      const path = join(home, name);
      await rm(path, { recursive: true, force: true });
      await expect(check(plan(path))).rejects.toThrow(
        `Cannot restore into '${path}': it is part of the catalog of server 'main'`,
      );
    },
  );

  it('refuses the catalog behind a link, and as a place for tablespaces and WAL', async () => {
    await symlink(join(home, 'main', 'base'), join(root, 'link'));
    const message = "is part of the catalog of server 'main'";
    await expect(check(plan(join(root, 'link/new')))).rejects.toThrow(message);
    await expect(check(plan(join(root, 'd'), { t1: join(home, 'main/base/new') }))).rejects.toThrow(message);
    await expect(check(plan(join(root, 'd')), join(home, 'main/wals/new'))).rejects.toThrow(message);
  });

  it('takes a directory beside the servers', async () => {
    await check(plan(join(home, 'restored')));
  });

  it.each([
    ['the destination itself', { t1: 'd' }, 'the destination directory is in it'],
    ['a parent of it', { t1: '.x' }, 'the destination directory is in it'],
    ['a directory of the cluster', { t1: 'd/base/t1' }, "'base' belongs to the cluster itself"],
    ['that of another', { t1: 't', t2: 't' }, "tablespace 't2' goes there"],
    ['one inside that of another', { t1: 't/in', t2: 't' }, "tablespace 't2' goes there"],
  ])('refuses a tablespace in %s', async (_, spaces, reason) => {
    const paths = Object.fromEntries(Object.entries(spaces).map(([name, path]) => [name, join(root, path)]));
    const destination = Object.values(paths)[0]?.endsWith('.x') ? join(root, '.x/d') : join(root, 'd');
    await expect(check(plan(destination, paths))).rejects.toThrow(reason);
  });

  it('refuses a WAL directory that would take the cluster with it when it is removed', async () => {
    await expect(check(plan(join(root, 'w/d')), join(root, 'w'))).rejects.toThrow('the destination directory is in it');
    await expect(check(plan(join(root, 'd')), join(root, 'd'))).rejects.toThrow('the destination directory is in it');
    await expect(check(plan(join(root, 'd')), join(root, 'd/base'))).rejects.toThrow("'base' belongs to the cluster");
    await expect(check(plan(join(root, 'd'), { t1: join(root, 't') }), join(root, 't'))).rejects.toThrow(
      "tablespace 't1' goes there",
    );
  });
});

describe('prepareDirectory', () => {
  it.skipIf(process.getuid?.() === 0)('says why it cannot', async () => {
    await mkdir(join(root, 'locked'));
    await chmod(join(root, 'locked'), 0o500);
    await expect(prepareDirectory(join(root, 'locked/d'))).rejects.toThrow(
      `Cannot create or write the directory '${join(root, 'locked/d')}': Permission denied`,
    );
  });

  it('says so when a file is in the way', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(prepareDirectory(join(root, 'file/d'))).rejects.toThrow('File exists');
  });
});

describe('checkRoom', () => {
  it('adds up what goes to one filesystem and says how much is missing', async () => {
    const demand = { directory: join(root, 'missing/deep'), source: root, bytes: 2 ** 60 };
    await expect(checkRoom([{ ...demand, bytes: 10 }, demand])).rejects.toThrow(
      /^Not enough room in '.*missing\/deep': the restore needs 1\.0 EiB and .* are free$/,
    );
    await checkRoom([{ ...demand, bytes: 10 }]);
  });
});
