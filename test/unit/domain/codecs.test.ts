import { describe, expect, it } from 'vitest';
import {
  BACKUP_COMPRESSIONS,
  backupArchiveOf,
  CLIENT_COMPRESSIONS,
  type Codec,
  CODEC_NAMES,
  CODECS,
  COMPRESSIONS,
  EXPORT_COMPRESSIONS,
  formatOf,
  levelOf,
  writerOf,
} from '../../../src/domain/codecs.ts';
import { identifyWal } from '../../../src/domain/wal/wal-content.ts';

const sorted = (names: readonly string[]) => [...names].sort();

describe.each(CODEC_NAMES)('the row of %s', (name) => {
  const codec: Codec = CODECS[name];
  const others = CODEC_NAMES.filter((other) => other !== name).map((other): Codec => CODECS[other]);

  it('is told from all others by its magic and its suffix', () => {
    expect(identifyWal(Uint8Array.from(codec.magic)).compression).toBe(name);
    for (const other of others) {
      expect(other.suffix).not.toBe(codec.suffix);
      const length = Math.min(other.magic.length, codec.magic.length);
      expect(other.magic.slice(0, length)).not.toEqual(codec.magic.slice(0, length));
    }
  });

  it('is a word of compression, and writes itself', () => {
    expect(COMPRESSIONS).toContain(name);
    expect(writerOf(name)).toMatchObject({ ...codec, format: name });
  });

  it('can be written and read somehow', () => {
    expect(codec.program ?? codec.library).not.toBeNull();
  });

  it('stands in the lists of the options that take it, and in no other', () => {
    expect(BACKUP_COMPRESSIONS.includes(name as never)).toBe(codec.baseBackup !== null);
    expect(EXPORT_COMPRESSIONS.includes(name as never)).toBe(codec.exportLevels !== null);
    expect(backupArchiveOf(name)?.suffix).toBe(codec.baseBackup === null ? undefined : `.tar${codec.suffix}`);
  });

  it('has levels in order', () => {
    if (codec.levels === null) return;
    const { min, low, medium, high, max } = codec.levels;
    expect([low, min, medium, high, max].sort((a, b) => a - b)).toEqual([min, low, medium, high, max]);
    for (const level of [min, low, medium, high, max]) expect(codec.args(level).length).toBeGreaterThan(0);
  });
});

it('names a compression once, and knows what each writes', () => {
  expect(new Set(COMPRESSIONS).size).toBe(COMPRESSIONS.length);
  const written = COMPRESSIONS.filter((name) => name !== 'custom').map(formatOf);
  expect(sorted([...new Set(written)])).toEqual(sorted(CODEC_NAMES));
  expect(['pigz', 'pygzip', 'pybzip2', 'custom'].map(formatOf)).toEqual(['gzip', 'gzip', 'bzip2', 'custom']);
  expect([...COMPRESSIONS, 'toString'].filter((name) => writerOf(name) === undefined)).toEqual(['custom', 'toString']);
});

it('lets barman-wal-archive send every format', () => {
  expect(sorted(CLIENT_COMPRESSIONS)).toEqual(sorted(CODEC_NAMES));
});

it.each([
  [-22, ['--fast=22']],
  [0, ['-3']],
  [19, ['-19']],
  [22, ['--ultra', '-22']],
])('zstd at level %i is asked for with %j', (level, args) => {
  expect(CODECS.zstd.args(level)).toEqual(['-q', '-c', ...args]);
});

it.each([
  ['none', { suffix: '.tar', tar: [], program: null }],
  ['gzip', { suffix: '.tar.gz', tar: ['--gzip'], program: 'gzip' }],
  ['lz4', { suffix: '.tar.lz4', tar: ['--use-compress-program', 'lz4'], program: 'lz4' }],
  ['zstd', { suffix: '.tar.zst', tar: ['--use-compress-program', 'zstd'], program: 'zstd' }],
  ['bzip2', undefined],
  ['toString', undefined],
  [null, undefined],
])('the archives of a base backup with compression %s', (compression, archive) => {
  expect(backupArchiveOf(compression)).toEqual(archive);
});

it.each([
  ['gzip', 'low', 1],
  ['gzip', 'medium', 6],
  ['gzip', 'high', 9],
  ['gzip', 42, 9],
  ['gzip', -3, 1],
  ['bzip2', 'medium', 5],
  ['xz', 'high', 5],
  ['zstd', -100, -22],
  ['zstd', 'medium', 4],
  ['lz4', 'low', 0],
  ['custom', 3, null],
] as const)('level of %s %s is %s', (name, level, number) => {
  expect(levelOf(name, level)).toBe(number);
});
