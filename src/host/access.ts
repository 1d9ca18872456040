/** What this user may not do with a file or directory, whose it is, and how that is mended. */
import { accessSync, constants, lstatSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { errnoOf } from '../domain/errors.ts';
import { typedWord } from '../domain/text/shell-words.ts';
import { systemReason } from './system-reason.ts';

export interface Denial {
  readonly path: string;
  /** The whole sentence. */
  readonly text: string;
  /** What to type. */
  readonly remedy: string;
}

/** What a run does with it: directories are written by making files in them. */
export type Use = 'read' | 'write';

const MODE: Readonly<Record<Use, number>> = { read: constants.R_OK, write: constants.R_OK | constants.W_OK };

/** null when nothing is denied, also when nothing is there. */
export function denialOf(path: string, use: Use): Denial | null {
  try {
    const isDirectory = lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    accessSync(path, MODE[use] | (isDirectory ? constants.X_OK : 0));
    return null;
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    const can = use === 'read' ? 'read' : 'written';
    return { path, text: `'${path}' cannot be ${can} (${reasonFor(path, error)})`, remedy: remedyFor(path) };
  }
}

/** `it belongs to root`, or what the system says. */
function reasonFor(path: string, error: unknown): string {
  const uid = ownerOf(path);
  if (uid === null || uid === process.getuid?.()) return systemReason(error);
  return uid === 0 ? 'it belongs to root' : `it belongs to another user, uid ${uid}`;
}

/** True for an error that the owner or the mode of a file is the reason for. */
export function isDenied(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes(errnoOf(error) ?? '');
}

/** The command that gives a file of another user, or the directory it would be made in, to this one, or opens one of its own. */
export function remedyFor(path: string): string {
  const uid = ownerOf(path);
  if (uid === null && dirname(path) !== path) return remedyFor(dirname(path));
  if (uid === process.getuid?.()) return `chmod u+rwX ${typedWord(path)}`;
  return `as root: chown ${userInfo().username} ${typedWord(path)}`;
}

function ownerOf(path: string): number | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.uid ?? null;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return null;
  }
}
