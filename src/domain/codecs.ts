/**
 * What WAL files, base backups and exports are compressed with: one row for each format, and the words of the options that
 * name them. Whatever depends on the format is read from here; the ciphers stand in ciphers.ts.
 */

/** `compression_level`. */
export type CompressionLevel = 'low' | 'medium' | 'high' | number;

/** A program of the host, and what it is installed with. */
export interface Program {
  readonly name: string;
  readonly package: string;
}

/** What pg_basebackup makes of a format. */
export interface BaseBackupUse {
  /** What pg_basebackup must have; null: every one knows the format. */
  readonly needs: 'basebackupCompressionMethods' | null;
  /** Of backup_compression_level; `usual` leaves it to the format. */
  readonly levels: { readonly min: number; readonly max: number; readonly usual: number };
  readonly hasWorkers: boolean;
  /** How tar(1) reads such an archive. */
  readonly tar: readonly string[];
}

export interface Codec {
  /** How a file begins. */
  readonly magic: readonly number[];
  /** Of a file name. */
  readonly suffix: string;
  /** The standard program with its package; null: there is none that is common. It decompresses with `-d -c`. */
  readonly program: Program | null;
  /** The arguments of the program, to compress at a level. */
  readonly args: (level: number) => readonly string[];
  /** `node`: always done in this process, both ways. The name of an optional library; null: left to the program. */
  readonly library: 'node' | '@mongodb-js/zstd' | 'snappy' | null;
  /** The words of compression_level, and the ends to which a number is brought; null: it knows no levels. */
  readonly levels: Readonly<Record<'low' | 'medium' | 'high' | 'min' | 'max', number>> | null;
  readonly baseBackup: BaseBackupUse | null;
  /** The levels of export-backup, up to 9, and the one that Barman means by none; null: no export is made of it. */
  readonly exportLevels: { readonly min: number; readonly usual: number } | null;
}

const byLevel = (level: number) => ['-c', `-${level}`];

export const CODECS = {
  gzip: {
    magic: [0x1f, 0x8b, 0x08],
    suffix: '.gz',
    program: { name: 'gzip', package: 'gzip' },
    args: byLevel,
    library: 'node',
    levels: { low: 1, medium: 6, high: 9, min: 1, max: 9 },
    baseBackup: { needs: null, levels: { min: 1, max: 9, usual: -1 }, hasWorkers: false, tar: ['--gzip'] },
    exportLevels: { min: 1, usual: 9 },
  },
  bzip2: {
    magic: [0x42, 0x5a, 0x68],
    suffix: '.bz2',
    program: { name: 'bzip2', package: 'bzip2' },
    args: byLevel,
    library: null,
    levels: { low: 1, medium: 5, high: 9, min: 1, max: 9 },
    baseBackup: null,
    exportLevels: { min: 1, usual: 9 },
  },
  xz: {
    magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
    suffix: '.xz',
    program: { name: 'xz', package: 'xz-utils' },
    args: byLevel,
    library: null,
    levels: { low: 1, medium: 3, high: 5, min: 1, max: 9 },
    baseBackup: null,
    exportLevels: { min: 0, usual: 6 },
  },
  zstd: {
    magic: [0x28, 0xb5, 0x2f, 0xfd],
    suffix: '.zst',
    program: { name: 'zstd', package: 'zstd' },
    args: zstdArgs,
    library: '@mongodb-js/zstd',
    levels: { low: 1, medium: 4, high: 9, min: -22, max: 22 },
    baseBackup: {
      needs: 'basebackupCompressionMethods',
      levels: { min: -131_072, max: 22, usual: 3 },
      hasWorkers: true,
      tar: ['--use-compress-program', 'zstd'],
    },
    exportLevels: null,
  },
  lz4: {
    magic: [0x04, 0x22, 0x4d, 0x18],
    suffix: '.lz4',
    program: { name: 'lz4', package: 'lz4' },
    // The program knows 1 to 12; beyond that the library does the same as at its ends.
    args: (level) => ['-q', '-c', `-${Math.min(Math.max(level, 1), 12)}`],
    library: null,
    levels: { low: 0, medium: 6, high: 10, min: 0, max: 16 },
    baseBackup: {
      needs: 'basebackupCompressionMethods',
      levels: { min: 1, max: 12, usual: 0 },
      hasWorkers: false,
      tar: ['--use-compress-program', 'lz4'],
    },
    exportLevels: null,
  },
  snappy: {
    magic: [0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59],
    suffix: '.sz',
    program: null,
    args: () => [],
    library: 'snappy',
    levels: null,
    baseBackup: null,
    exportLevels: null,
  },
} as const satisfies Readonly<Record<string, Codec>>;

function zstdArgs(level: number): readonly string[] {
  if (level < 0) return ['-q', '-c', `--fast=${-level}`];
  return ['-q', '-c', ...(level > 19 ? ['--ultra'] : []), `-${level === 0 ? 3 : level}`];
}

/** Name of a format, as recognition tells it and xlog.db holds it. */
export type CodecName = keyof typeof CODECS;

export const CODEC_NAMES = Object.keys(CODECS) as readonly CodecName[];

/** The words of `compression`, and what each writes: with another program than the format's own where one is named. */
const WRITERS = {
  gzip: { format: 'gzip' },
  bzip2: { format: 'bzip2' },
  pygzip: { format: 'gzip' },
  pybzip2: { format: 'bzip2' },
  pigz: { format: 'gzip', program: { name: 'pigz', package: 'pigz' } },
  xz: { format: 'xz' },
  zstd: { format: 'zstd' },
  lz4: { format: 'lz4' },
  snappy: { format: 'snappy' },
} as const satisfies Readonly<Record<string, { format: CodecName; program?: Program }>>;

type WriterName = keyof typeof WRITERS;

// The words of each option stand in the order in which Barman's messages name them.

/** `compression`: `custom` is a pair of command lines of the administrator. */
export type Compression = WriterName | 'custom';
export const COMPRESSIONS: readonly Compression[] = [...(Object.keys(WRITERS) as WriterName[]), 'custom'];

/** `backup_compression`: `none` is a plain tar. */
export const BACKUP_COMPRESSIONS = ['gzip', 'lz4', 'zstd', 'none'] as const;
export type BackupCompression = (typeof BACKUP_COMPRESSIONS)[number];

/** `--compression` of export-backup. */
export const EXPORT_COMPRESSIONS = ['gzip', 'bzip2', 'xz'] as const;
export type ExportCompression = (typeof EXPORT_COMPRESSIONS)[number];

/** The flags of barman-wal-archive. */
export const CLIENT_COMPRESSIONS = ['gzip', 'bzip2', 'xz', 'snappy', 'zstd', 'lz4'] as const;

/** What a configured name, or a recognised one, writes; undefined for another one, as `custom` is. */
export interface Writer extends Codec {
  readonly format: CodecName;
  /** What compresses; null: only this process does it. */
  readonly writtenBy: Program | null;
}

export function writerOf(name: string): Writer | undefined {
  if (!Object.hasOwn(WRITERS, name)) return undefined;
  const writer: { format: CodecName; program?: Program } = WRITERS[name as WriterName];
  const codec: Codec = CODECS[writer.format];
  const usual = codec.library === 'node' ? null : codec.program;
  return { ...codec, format: writer.format, writtenBy: writer.program ?? usual };
}

/** The format that a configured name writes: `pigz` and `pygzip` write gzip. */
export function formatOf(name: string): string {
  return writerOf(name)?.format ?? name;
}

/** The number for a level word, or the number brought to what the format knows; null when it knows no levels. */
export function levelOf(name: string, level: CompressionLevel): number | null {
  const levels = writerOf(name)?.levels ?? null;
  if (levels === null) return null;
  if (typeof level !== 'number') return levels[level];
  return Math.min(Math.max(level, levels.min), levels.max);
}

/** Undefined for any other word. */
export function levelWord(text: string): 'low' | 'medium' | 'high' | undefined {
  const word = text.toLowerCase();
  return word === 'low' || word === 'medium' || word === 'high' ? word : undefined;
}

/** How the archives of a base backup are called, and read by tar(1); undefined for a word that is no backup_compression. */
export interface BackupArchive {
  /** `.tar.gz`. */
  readonly suffix: string;
  readonly tar: readonly string[];
  /** What tar starts; null for none. */
  readonly program: string | null;
}

export function backupArchiveOf(compression: string | null): BackupArchive | undefined {
  if (compression === 'none') return { suffix: '.tar', tar: [], program: null };
  const codec: Codec | undefined = CODECS[compression as CodecName];
  if (codec?.baseBackup == null) return undefined;
  return { suffix: `.tar${codec.suffix}`, tar: codec.baseBackup.tar, program: codec.program?.name ?? null };
}
