/** Where a file is below `wals_directory`: in its hash directory, a history file in the root. Source: docs/behaviour/wal.md 1. */
import { join } from 'node:path';
import { WalError } from '../../domain/errors.ts';
import { hashDir, parseWalName } from '../../domain/wal/wal.ts';
import { systemReason } from '../../host/system-reason.ts';

export interface Place {
  readonly directory: string;
  readonly path: string;
}

/** @throws WalError for a text that is no WAL name: it must never become a path */
export function placeOf(root: string, name: string): Place {
  const file = parseWalName(name);
  if (!file) throw new WalError(`invalid WAL segment name '${name}'`);
  const directory = join(root, hashDir(file));
  return { directory, path: join(directory, name) };
}

export function unreadable(path: string, cause: unknown): WalError {
  return new WalError(`cannot read '${path}': ${systemReason(cause)}`, { cause });
}
