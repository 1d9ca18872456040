/** One line of `<server>-xlog.db`, the index of the WAL archive. Source: docs/behaviour/wal.md 2. */
import { WalError } from '../errors.ts';
import { formatFloat } from '../text/python-literal.ts';
import { parseWalName } from './wal.ts';

export interface WalRecord {
  readonly name: string;
  /** Bytes as stored (compressed, encrypted). */
  readonly size: number;
  /** Modification time of the original file, seconds since 1970 with fraction. */
  readonly time: number;
  readonly compression: string | null;
  readonly encryption: string | null;
}

/**
 * Reads one line without its newline: five fields, or four (no encryption) or three (no compression) of older releases.
 * undefined when it is damaged. The name is not judged here.
 */
export function parseWalLine(line: string): WalRecord | undefined {
  // Every line of 3.13 and later has this form; this path makes no arrays, and 300,000 lines feel it.
  const first = line.indexOf('\t');
  const second = line.indexOf('\t', first + 1);
  const third = line.indexOf('\t', second + 1);
  const fourth = line.indexOf('\t', third + 1);
  if (first > 0 && second > 0 && third > 0 && fourth > 0) {
    const record = makeRecord(
      line.slice(0, first),
      line.slice(first + 1, second),
      line.slice(second + 1, third),
      line.slice(third + 1, fourth),
      line.slice(fourth + 1),
    );
    if (record !== undefined) return record;
  }
  const fields = line.trim().split(/\s+/);
  const [name, size, time, compression = 'None', encryption = 'None'] = fields;
  if (fields.length > 5 || name === undefined || size === undefined || time === undefined) return undefined;
  return makeRecord(name, size, time, compression, encryption);
}

const SIZE = /^\d{1,15}$/;
const TIME = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const WORD = /^[!-~]+$/;

function makeRecord(
  name: string,
  size: string,
  time: string,
  compression: string,
  encryption: string,
): WalRecord | undefined {
  if (!SIZE.test(size) || !TIME.test(time) || !WORD.test(name)) return undefined;
  if (compression !== 'None' && !WORD.test(compression)) return undefined;
  if (encryption !== 'None' && !WORD.test(encryption)) return undefined;
  return {
    name,
    size: Number(size),
    time: Number(time),
    compression: compression === 'None' ? null : compression,
    encryption: encryption === 'None' ? null : encryption,
  };
}

/** A last line that lost only its newline: the final field is a whole word. Anything else may be cut short. */
export function isWholeLine(line: string): boolean {
  return /^\S+\t\d+\t[\d.eE+-]+\t\S+\t(?:None|gpg)$/.test(line) && parseWalLine(line) !== undefined;
}

/** The line with its newline. @throws WalError for a name that is no WAL name or a field that would break the line */
export function formatWalLine({ name, size, time, compression, encryption }: WalRecord): string {
  if (!parseWalName(name)) throw new WalError(`invalid WAL segment name '${name}'`);
  if (!Number.isSafeInteger(size) || size < 0)
    throw new WalError(`WAL file ${name} cannot have a size of ${size} bytes`);
  const words = [compression ?? 'None', encryption ?? 'None'];
  if (!words.every((word) => WORD.test(word)))
    throw new WalError(`WAL file ${name} has an invalid compression or encryption name`);
  return `${name}\t${size}\t${formatFloat(time)}\t${words.join('\t')}\n`;
}

/** A modification time in nanoseconds as the double that Python makes of it. */
export function walTime(mtimeNs: bigint): number {
  const nanoseconds = ((mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return Number((mtimeNs - nanoseconds) / 1_000_000_000n) + 1e-9 * Number(nanoseconds);
}
