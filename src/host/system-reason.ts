/** A system error in the words of the C library, which Barman prints: `No such file or directory`. */
import { getSystemErrorMap } from 'node:util';
import { messageOf } from '../domain/errors.ts';

export function systemReason(error: unknown): string {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return messageOf(error);
  const words = getSystemErrorMap().get(error.errno)?.[1];
  if (words === undefined) return messageOf(error);
  if (words === 'file already exists') return 'File exists';
  return words.charAt(0).toUpperCase() + words.slice(1);
}
