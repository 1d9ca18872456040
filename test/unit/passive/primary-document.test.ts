/** The answer of `barman sync-info` on the primary: nothing in it becomes a path before it was checked. */
import { describe, expect, it } from 'vitest';
import { readPrimaryDocument } from '../../../src/passive/primary-document.ts';

const WAL = { name: '000000010000000000000002', size: 1, time: 1, compression: null };
const GOOD = {
  last_position: 0,
  last_name: '000000010000000000000002',
  backups: { '20261101T040000': { status: 'DONE' } },
  wals: [WAL],
  version: '3.20.1',
  config: { name: 'main', conninfo: 'host=h' },
};

describe('readPrimaryDocument', () => {
  const read = (document: unknown) => readPrimaryDocument('main', JSON.stringify(document));

  it('takes what Barman prints, also of an empty server', () => {
    expect(read(GOOD).config).toEqual(GOOD.config);
    expect(read({ ...GOOD, last_name: '', backups: {}, wals: [] }).wals).toEqual([]);
  });

  const without = (key: keyof typeof GOOD) => Object.fromEntries(Object.entries(GOOD).filter(([name]) => name !== key));

  it.each([
    ['[]', 'it is no JSON object'],
    ['null', 'it is no JSON object'],
    ['Welcome!', 'it is no JSON document'],
    [without('last_name'), 'it has no last WAL'],
    [{ ...GOOD, last_position: 1.5 }, 'it has no last WAL'],
    [{ ...GOOD, last_position: 2 ** 53 }, 'it has no last WAL'],
    [{ ...GOOD, last_name: '../x' }, "'../x' is no WAL name"],
    [without('backups'), 'parts of it are missing'],
    [{ ...GOOD, backups: [] }, 'parts of it are missing'],
    [without('wals'), 'parts of it are missing'],
    [{ ...GOOD, config: null }, 'parts of it are missing'],
    [{ ...GOOD, backups: { '../../etc': {} } }, "'../../etc' is no backup id"],
    [JSON.stringify(GOOD).replace('"20261101T040000"', '"__proto__"'), "'__proto__' is no backup id"],
    [{ ...GOOD, wals: [WAL, { ...WAL, name: '../x' }] }, `${JSON.stringify({ ...WAL, name: '../x' })} is no WAL file`],
    [{ ...GOOD, wals: [{ size: 1 }] }, '{"size":1} is no WAL file'],
    [{ ...GOOD, wals: ['000000010000000000000002'] }, '"000000010000000000000002" is no WAL file'],
  ])('refuses %j: %s', (document, reason) => {
    const text = typeof document === 'string' ? document : JSON.stringify(document);
    expect(() => readPrimaryDocument('main', text)).toThrow(
      `the answer of the primary of server main cannot be used: ${reason}`,
    );
  });
});
