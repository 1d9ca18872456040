/** Durable writes: what is visible is whole, and the order of system calls is write, fsync, rename, fsync of the directory. */
import {
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createNew,
  insidePath,
  linkIfPossible,
  listNames,
  makeDirectory,
  openNoFollow,
  openToRead,
  openToReadSync,
  rmdirIfEmpty,
  unlinkIfPresent,
  writeDurably,
} from '../../../src/host/files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'barman-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('writeDurably', () => {
  it('replaces the whole text and leaves no temporary file', async () => {
    const path = join(folder, 'a');
    await writeDurably(path, 'one');
    await writeDurably(path, 'two');
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('does not follow a symlink planted at its temporary name', async () => {
    const victim = join(folder, 'victim');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, join(folder, 'a.tmp'));
    await writeDurably(join(folder, 'a'), 'new');
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  it('keeps the old text when the new one cannot be written', async () => {
    mkdirSync(join(folder, 'd'));
    writeFileSync(join(folder, 'd', 'x'), '');
    await expect(writeDurably(join(folder, 'd'), 'text')).rejects.toThrow();
    expect(existsSync(join(folder, 'd', 'x'))).toBe(true);
  });
});

describe('names', () => {
  it('cannot leave their root', () => {
    expect(insidePath('/root', 'a', 'b')).toBe('/root/a/b');
    for (const part of ['..', '../x', 'a/../../x', '.', '']) expect(insidePath('/root', part)).toBeUndefined();
  });

  it('are listed in byte order; a missing directory is empty', async () => {
    for (const name of ['b', 'B', 'a']) writeFileSync(join(folder, name), '');
    expect(await listNames(folder)).toEqual(['B', 'a', 'b']);
    expect(await listNames(join(folder, 'nosuch'))).toEqual([]);
  });
});

describe('opening', () => {
  it('refuses a symbolic link at that name', async () => {
    writeFileSync(join(folder, 'there'), 'x');
    const link = join(folder, 'link');
    symlinkSync('there', link);
    await expect(openToRead(link)).rejects.toMatchObject({ code: 'ELOOP' });
    expect(() => openToReadSync(link)).toThrow('ELOOP');
    await expect(openNoFollow(link, constants.O_WRONLY | constants.O_CREAT, 0o600)).rejects.toMatchObject({
      code: 'ELOOP',
    });
    await expect(createNew(link, 0o600)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(readFileSync(join(folder, 'there'), 'utf8')).toBe('x');
  });

  it('makes a new file that can be written and read, and never takes an old one', async () => {
    const path = join(folder, 'new');
    const handle = await createNew(path, 0o600);
    await handle.writeFile('text');
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    await handle.close();
    expect(buffer.toString()).toBe('text');
    await expect(createNew(path, 0o600)).rejects.toMatchObject({ code: 'EEXIST' });
  });
});

describe('linkIfPossible', () => {
  it('gives a second name, and says so when the name is taken', async () => {
    writeFileSync(join(folder, 'a'), 'a');
    expect(await linkIfPossible(join(folder, 'a'), join(folder, 'b'))).toBe(true);
    expect(readFileSync(join(folder, 'b'), 'utf8')).toBe('a');
    await expect(linkIfPossible(join(folder, 'a'), join(folder, 'b'))).rejects.toMatchObject({ code: 'EEXIST' });
  });

  it.skipIf(!existsSync('/dev/shm'))('is false across filesystems', async () => {
    const other = mkdtempSync('/dev/shm/barman-files-');
    try {
      writeFileSync(join(folder, 'a'), 'a');
      const isSame = statSync(other).dev === statSync(folder).dev;
      expect(await linkIfPossible(join(folder, 'a'), join(other, 'b'))).toBe(isSame);
    } finally {
      rmSync(other, { recursive: true });
    }
  });
});

describe('removal', () => {
  it('takes a directory only when it is empty, and what is gone as done', async () => {
    const path = join(folder, 'x', 'y');
    expect(await makeDirectory(path)).toBe(true);
    expect(await makeDirectory(path)).toBe(false);
    expect(await rmdirIfEmpty(join(folder, 'x'))).toBe(false);
    expect(await rmdirIfEmpty(path)).toBe(true);
    expect(await rmdirIfEmpty(path)).toBe(false);
    expect(await unlinkIfPresent(join(folder, 'nosuch'))).toBe(false);
  });
});
