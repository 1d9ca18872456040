import { expect, it } from 'vitest';
import { METHODS } from '../../../src/config/methods.ts';
import { OPTIONS } from '../../../src/config/options.ts';

const place = { key: 'backup_method', section: 'pg' };

it('has a row for every method that the option takes', () => {
  for (const name of Object.keys(METHODS)) expect(OPTIONS.backup_method.parse(name, place)).toBe(name);
  expect(() => OPTIONS.backup_method.parse('none', place)).toThrow('Invalid value');
});

it('says what is written to backup.info and what check looks at', () => {
  expect(Object.entries(METHODS).map(([name, { mode, needs }]) => [name, mode, needs])).toEqual([
    ['postgres', 'postgres', ['pg_basebackup']],
    ['rsync', 'rsync-concurrent', ['ssh', 'strategy']],
    ['local-rsync', 'rsync-concurrent', ['local PGDATA', 'strategy']],
    ['snapshot', null, ['ssh', 'strategy']],
    ['local-to-cloud', null, []],
  ]);
});
