/** keep and delete_this: what cannot be read counts as kept. */
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyFixture, makeHome, type TestHome } from '../../support/server-home.ts';

const ID = '20261121T040514';
let home: TestHome;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.dispose());

describe('keep', () => {
  it('is set, changed and released without a trace', async () => {
    expect(await home.catalog.keepOf(ID)).toBeNull();
    await home.catalog.setKeep(ID, 'standalone');
    expect(home.read('meta', `${ID}-keep`)).toBe('standalone');
    expect(await home.catalog.keepOf(ID)).toBe('standalone');
    await home.catalog.setKeep(ID, 'full');
    expect(await home.catalog.keepOf(ID)).toBe('full');
    await home.catalog.releaseKeep(ID);
    await home.catalog.releaseKeep(ID);
    expect(await home.catalog.keepOf(ID)).toBeNull();
  });

  it.each([
    ['', 'full'],
    ['full', 'full'],
    ['standalone', 'standalone'],
    ['standalone\n', 'standalone'],
    ['stand', 'full'],
    ['\0\0\0\0', 'full'],
    ['nokeep', 'full'],
  ])('%j counts as %s', async (content, target) => {
    home.write(`meta/${ID}-keep`, content);
    expect(await home.catalog.keepOf(ID)).toBe(target);
  });

  it('counts when it may not be read, is a link or is a directory', async () => {
    home.write(`meta/${ID}-keep`, 'standalone');
    chmodSync(home.path('meta', `${ID}-keep`), 0);
    expect(await home.catalog.keepOf(ID)).toBe(process.getuid?.() === 0 ? 'standalone' : 'full');
    symlinkSync('/nowhere', home.path('meta', '20260101T000000-keep'));
    expect(await home.catalog.keepOf('20260101T000000')).toBe('full');
    mkdirSync(home.path('meta', '20260102T000000-keep'));
    expect(await home.catalog.keepOf('20260102T000000')).toBe('full');
  });

  it('moves to meta/ from where 3.4.0 kept it, also when there is no meta/ yet', async () => {
    copyFixture(home, 'legacy-3.4.0/rs');
    expect(home.has('meta')).toBe(false);
    expect(await home.catalog.keepOf(ID)).toBe('standalone');
    expect(home.read('meta', `${ID}-keep`)).toBe('standalone');
    expect(home.has('base', ID, 'annotations', 'keep')).toBe(false);
    expect(await home.catalog.keepOf(ID)).toBe('standalone');
  });

  it('forgets the old place when it is set or released', async () => {
    copyFixture(home, 'legacy-3.4.0/rs');
    await home.catalog.setKeep(ID, 'full');
    expect(home.has('base', ID, 'annotations', 'keep')).toBe(false);
    expect(await home.catalog.keepOf(ID)).toBe('full');
    home.write(`base/${ID}/annotations/keep`, 'full');
    await home.catalog.releaseKeep(ID);
    expect(await home.catalog.keepOf(ID)).toBeNull();
  });

  it('behind a linked backup directory counts and is left alone', async () => {
    home.write('elsewhere/annotations/keep', 'standalone');
    mkdirSync(home.path('base'));
    symlinkSync(home.path('elsewhere'), home.path('base', ID));
    expect(await home.catalog.keepOf(ID)).toBe('full');
    await expect(home.catalog.releaseKeep(ID)).rejects.toThrow('it is behind a symbolic link');
    expect(home.has('elsewhere', 'annotations', 'keep')).toBe(true);
  });
});

it('delete_this is marked and unmarked, at its old place too', async () => {
  expect(await home.catalog.isMarkedForDelete(ID)).toBe(false);
  await home.catalog.markForDelete(ID);
  expect(home.read('meta', `${ID}-delete_this`)).toBe('delete');
  expect(await home.catalog.isMarkedForDelete(ID)).toBe(true);
  await home.catalog.unmarkForDelete(ID);
  expect(await home.catalog.isMarkedForDelete(ID)).toBe(false);
  home.write(`base/${ID}/annotations/delete_this`, '');
  expect(await home.catalog.isMarkedForDelete(ID)).toBe(true);
});
