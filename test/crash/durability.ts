/**
 * Would the result survive a power cut? Judged from the trace of one run: nothing gets its final name before it is on disk,
 * no source goes before its copy, and no exit code 0 comes before the directories are flushed.
 */
import { dirname } from 'node:path';
import { parseWalName } from '../../src/domain/wal/wal.ts';
import type { Step } from './shim.ts';

const QUEUE = /(?:^|\/)(?:incoming|streaming|errors)\/([^/]+)$/;

const DATA = /(?:^|\/)base\/\d{8}T\d{6}\//;

/** One sentence for each violation. Paths that did not change during the trace are taken to be on disk. */
export function orderViolations(steps: readonly Step[], exitCode: number): readonly string[] {
  const found: string[] = [];
  /** Content that is only in memory. */
  const dirty = new Set<string>();
  /** Names that are only in memory. */
  const pending = new Set<string>();
  const name = (path: string) => {
    pending.add(path);
  };
  for (const { operation, path, to } of steps) {
    // A file that lost its name, or never had one, is nobody's promise.
    if (path.endsWith(' (deleted)')) continue;
    switch (operation) {
      case 'create':
      case 'mkdir':
      case 'symlink':
        name(path);
        break;
      case 'write':
      case 'truncate':
        dirty.add(path);
        break;
      case 'fsync':
        dirty.delete(path);
        for (const other of pending) if (dirname(other) === path) pending.delete(other);
        break;
      case 'rename':
        // The files of a backup are flushed as one: its record says when.
        if (dirty.has(path) && !DATA.test(to ?? '')) found.push(`${path} is renamed to ${to} before it is flushed`);
        if (isWalSource(path)) found.push(...unsafe(`${path} leaves its queue`, dirty, new Set()));
        if (dirty.delete(path)) dirty.add(to ?? '');
        pending.delete(path);
        name(to ?? '');
        break;
      case 'link':
        if (dirty.has(path)) found.push(`${path} is linked as ${to} before it is flushed`);
        name(to ?? '');
        break;
      case 'unlink':
      case 'rmdir':
        if (isWalSource(path)) found.push(...unsafe(`${path} is removed`, dirty, pending));
        dirty.delete(path);
        pending.delete(path);
        break;
    }
  }
  if (exitCode === 0) found.push(...unsafe('exit 0', dirty, pending));
  return found;
}

function isWalSource(path: string): boolean {
  return parseWalName(QUEUE.exec(path)?.[1] ?? '') !== undefined;
}

function unsafe(what: string, dirty: ReadonlySet<string>, pending: ReadonlySet<string>): readonly string[] {
  return [
    ...[...dirty].map((path) => `${what} before ${path} is flushed`),
    ...[...pending].map((path) => `${what} before the name ${path} is flushed`),
  ];
}
