/**
 * `backup_manifest`: the files of a data directory with their sizes and checksums, and a checksum of itself.
 * Source: PostgreSQL documentation, "Backup Manifest Format"; docs/behaviour/catalog.md 12.
 *
 * A file name is a string of bytes. Here it is a "byte string", one character for each byte (latin1), so that a name which
 * is no UTF-8 stays what it is; `shownPath` is for people.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { BackupError } from '../errors.ts';

export const MANIFEST_NAME = 'backup_manifest';

/** Larger than that of any real cluster (about three million files); what is larger is not even read. Bytes. */
export const MAX_MANIFEST = 512 * 1024 * 1024 - 1024;

export type ChecksumAlgorithm = 'CRC32C' | 'SHA224' | 'SHA256' | 'SHA384' | 'SHA512';

/** Hexadecimal digits of each checksum. */
const DIGITS: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC32C: 8,
  SHA224: 56,
  SHA256: 64,
  SHA384: 96,
  SHA512: 128,
};

export interface ManifestFile {
  /** Byte string relative to the data directory: `base/1/1259`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** null: made with --manifest-checksums=NONE, only the size is known. */
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly hex: string } | null;
}

/** A byte string as text. */
export function shownPath(path: string): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}

/**
 * Reads a whole manifest and proves its own checksum.
 * @throws BackupError with the words of pg_verifybackup; also for a path that could leave the data directory
 */
export function parseManifest(bytes: Buffer): ReadonlyMap<string, ManifestFile> {
  const document = parseDocument(bytes);
  checkSelf(bytes, document['Manifest-Checksum']);
  const files = new Map<string, ManifestFile>();
  for (const entry of document.Files) {
    const file = parseEntry(entry);
    if (files.has(file.path)) {
      throw new BackupError(`duplicate path name in backup manifest: "${shownPath(file.path)}"`);
    }
    files.set(file.path, file);
  }
  return files;
}

const DOCUMENT = z.strictObject(
  {
    'PostgreSQL-Backup-Manifest-Version': z.literal([1, 2], { error: 'unexpected manifest version' }),
    'System-Identifier': z.optional(z.unknown()),
    Files: z.array(z.unknown(), { error: 'unexpected object field' }),
    'WAL-Ranges': z.optional(z.unknown()),
    'Manifest-Checksum': z.optional(z.unknown()),
  },
  { error: ({ code }) => (code === 'unrecognized_keys' ? 'unrecognized top-level field' : 'unexpected scalar') },
);

function malformed(reason: string, cause?: unknown): BackupError {
  return new BackupError(`could not parse backup manifest: ${reason}`, { cause });
}

function parseDocument(bytes: Buffer): z.infer<typeof DOCUMENT> {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw malformed('parsing failed', cause);
  }
  const { data, error } = DOCUMENT.safeParse(json);
  if (data === undefined) throw malformed(error?.issues[0]?.message ?? '', error);
  return data;
}

const NEWLINE = 10;

/** The last line holds the SHA-256 of all lines before it. */
function checkSelf(bytes: Buffer, recorded: unknown): void {
  if (recorded === undefined) throw malformed('expected manifest checksum');
  if (bytes.at(-1) !== NEWLINE) throw malformed('last line not newline-terminated');
  const before = bytes.lastIndexOf(NEWLINE, bytes.length - 2);
  if (before < 0) throw malformed('expected at least 2 lines');
  if (typeof recorded !== 'string' || !/^[0-9a-fA-F]{64}$/.test(recorded)) {
    throw new BackupError(`invalid manifest checksum: "${textOf(recorded)}"`);
  }
  const last = bytes.toString('latin1', before + 1);
  const actual = createHash('sha256')
    .update(bytes.subarray(0, before + 1))
    .digest('hex');
  if (actual !== recorded.toLowerCase() || !last.includes(recorded))
    throw new BackupError('manifest checksum mismatch');
}

/**
 * By hand, as there may be millions: for the shapes alone zod takes as long as JSON.parse (100,000 rows), and each fault has
 * its own words.
 */
function parseEntry(row: unknown): ManifestFile {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) throw malformed('unexpected array element');
  const entry = row as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(entry)) if (!FILE_FIELDS.has(key)) throw malformed('unexpected file field');
  const path = parsePath(entry['Path'], entry['Encoded-Path']);
  const size = entry['Size'];
  if (size === undefined) throw malformed('missing size');
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw malformed('file size is not an integer');
  }
  return { path, size, checksum: parseChecksum(path, entry['Checksum-Algorithm'], entry['Checksum']) };
}

const FILE_FIELDS: ReadonlySet<string> = new Set([
  'Path',
  'Encoded-Path',
  'Size',
  'Last-Modified',
  'Checksum-Algorithm',
  'Checksum',
]);

/** A value of a foreign document for a message. */
function textOf(value: unknown): string {
  return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 200);
}

/** Longest path that the system takes, bytes. */
const MAX_PATH = 4096;

function parsePath(plain: unknown, encoded: unknown): string {
  if (plain === undefined && encoded === undefined) throw malformed('missing path name');
  if (plain !== undefined && encoded !== undefined) throw malformed('both path name and encoded path name');
  let path: string;
  if (encoded === undefined) {
    if (typeof plain !== 'string') throw malformed('missing path name');
    path = Buffer.from(plain, 'utf8').toString('latin1');
  } else {
    if (typeof encoded !== 'string' || !/^(?:[0-9a-fA-F]{2})+$/.test(encoded)) {
      throw malformed('could not decode file name');
    }
    path = Buffer.from(encoded, 'hex').toString('latin1');
  }
  if (!isSafeRelative(path)) throw malformed(`unsafe path name "${shownPath(path.slice(0, 200))}"`);
  return path;
}

/** A relative path in its shortest form: no `..`, no empty part, no NUL. Such a path cannot leave its root by itself. */
export function isSafeRelative(path: string): boolean {
  if (path === '' || path.length > MAX_PATH || path.includes('\0')) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

function parseChecksum(path: string, algorithm: unknown, hex: unknown): ManifestFile['checksum'] {
  if (hex === undefined && algorithm === undefined) return null;
  if (hex === undefined) throw malformed('missing checksum');
  if (algorithm === undefined) throw malformed('checksum without algorithm');
  const name = textOf(algorithm).toUpperCase();
  if (!Object.hasOwn(DIGITS, name)) {
    throw new BackupError(`unrecognized checksum algorithm: "${textOf(algorithm)}"`);
  }
  const known = name as ChecksumAlgorithm;
  if (typeof hex !== 'string' || hex.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(hex)) {
    throw new BackupError(`invalid checksum for file "${shownPath(path)}": "${textOf(hex)}"`);
  }
  if (hex.length !== DIGITS[known]) {
    throw new BackupError(
      `file "${shownPath(path)}" has checksum of length ${DIGITS[known] / 2}, but expected ${hex.length / 2}`,
    );
  }
  return { algorithm: known, hex: hex.toLowerCase() };
}
