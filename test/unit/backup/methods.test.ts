import { expect, it } from 'vitest';
import { admitMethod } from '../../../src/backup/methods.ts';
import { METHODS } from '../../../src/config/methods.ts';
import type { ServerConfig } from '../../../src/config/options.ts';
import { parseLocation } from '../../../src/domain/location.ts';
import type { ServerScope } from '../../../src/server/scope.ts';

function admit(changes: Partial<ServerConfig>) {
  const config = {
    backupMethod: 'postgres',
    encryption: null,
    basebackupsDirectory: parseLocation('/b'),
    ...changes,
  } as ServerConfig;
  return admitMethod({ name: 'pg', config } as ServerScope);
}

it.each(Object.entries(METHODS))(
  'admits %s when it has a mode for the record, with a body to load',
  async (name, row) => {
    const admitted = admit({ backupMethod: name as ServerConfig['backupMethod'] });
    if (row.mode === null) {
      expect(admitted).toBe(
        `backup_method = ${name} is not available in this release; server 'pg' can use backup_method = postgres, rsync or local-rsync`,
      );
      return;
    }
    if (typeof admitted === 'string') throw new Error(admitted);
    expect(admitted).toMatchObject({ mode: row.mode, makesManifest: row.streams });
    expect(typeof (await admitted.load())).toBe('function');
  },
);

it('refuses what no method of this release does', () => {
  expect(admit({ encryption: 'gpg' })).toBe(
    "encryption = gpg is not available in this release, and server 'pg' asks for it",
  );
  expect(admit({ basebackupsDirectory: parseLocation('s3://b/x') })).toBe(
    'basebackups_directory = s3://b/x is not available in this release; use a local directory',
  );
});
