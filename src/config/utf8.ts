/**
 * Strict UTF-8: configuration that is not is refused with file, line and position of the bad byte.
 * Source: docs/behaviour/config.md 3.
 */
import { isUtf8 } from 'node:buffer';
import { ConfigError } from '../domain/errors.ts';
import { placeOf } from './origin.ts';

const NEWLINE = 10;

/**
 * Decodes a configuration file; a byte order mark stays in the text.
 * @throws ConfigError (level exception)
 */
export function decodeUtf8(bytes: Buffer, file: string): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  const { position, reason } = firstFault(bytes);
  const byte = (bytes[position] ?? 0).toString(16).padStart(2, '0');
  const line = bytes.subarray(0, position).filter((one) => one === NEWLINE).length + 1;
  const words = `'utf-8' codec can't decode byte 0x${byte} in position ${position}: ${reason}`;
  throw new ConfigError(`${words} (${placeOf({ file, line })})`, {
    level: 'exception',
    hint: 'save the file as UTF-8',
  });
}

function firstFault(bytes: Buffer): { position: number; reason: string } {
  let position = 0;
  while (position < bytes.length) {
    const length = sequenceLength(bytes[position] ?? 0);
    if (length === 0) return { position, reason: 'invalid start byte' };
    const sequence = bytes.subarray(position, position + length);
    if (!isUtf8(sequence)) {
      const isShort = sequence.length < length && sequence.subarray(1).every((byte) => byte >> 6 === 0b10);
      return { position, reason: isShort ? 'unexpected end of data' : 'invalid continuation byte' };
    }
    position += length;
  }
  return { position: 0, reason: 'invalid data' };
}

function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}
