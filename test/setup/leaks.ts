/** Runs around each test file: one that leaves a process behind fails. Its temporary folder goes with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { endLeaks, markChildren } from '../support/leaks.ts';

const before = process.env.TMPDIR;
// Short: paths of sockets have a limit.
const folder = mkdtempSync(join(tmpdir(), 't'));
process.env.TMPDIR = folder;
const mark = markChildren(folder);

afterAll(async () => {
  const leaked = await endLeaks(mark);
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // A test took away its own permission.
  }
  if (leaked.length > 0) throw new Error(`this file has left running:\n${leaked.join('\n')}`);
}, 60_000);
