/** identity.json as something else than what Barman writes. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BackupError } from '../../../src/domain/errors.ts';
import { makeHome, type TestHome } from '../../support/server-home.ts';

const HINT = 'put a good copy of the file in its place, or move it away: the next backup writes a new one';
const NO_IDENTITY = 'it is not the identity of a PostgreSQL system';
const GOOD = '{"systemid": "7710444428578650661", "version": "15"}';

let home: TestHome;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.dispose());

it.each([
  ['a directory', () => mkdirSync(home.path('identity.json'), { recursive: true }), NO_IDENTITY],
  ['cut', () => home.write('identity.json', '{"systemid": ['), NO_IDENTITY],
  ['null', () => home.write('identity.json', 'null'), NO_IDENTITY],
  ['larger than any', () => home.write('identity.json', GOOD + ' '.repeat(1024 * 1024)), NO_IDENTITY],
  ['a link', () => symlinkSync(home.write('other.json', GOOD), home.path('identity.json')), 'it is a symbolic link'],
])('is %s: told with the file and the cure', async (_name, damage, reason) => {
  damage();
  const error = new BackupError(`cannot read '${home.path('identity.json')}': ${reason}`, { hint: HINT });
  await expect(home.catalog.readIdentity()).rejects.toThrow(error);
  await expect(home.catalog.readIdentity()).rejects.toMatchObject({ hint: HINT });
});
