/** What is told beside the work: nothing depends on it, so nothing that keeps it from being told may end the work. */
import { writeSync } from 'node:fs';
import { errnoOf } from '../domain/errors.ts';

/** How long a reader may keep a descriptor full that does not block, ms. */
const PATIENCE = 100;
const PAUSE = 5;

/** Text for standard error; what cannot be written there is dropped. */
export function tellStandardError(text: string | Buffer): void {
  try {
    writeWhole(2, typeof text === 'string' ? Buffer.from(text) : text);
  } catch {
    // Closed, full, its reader gone: there is no other place.
  }
}

/** How much of it was written when the rest could not be, bytes. */
export class WriteError extends Error {
  readonly written: number;

  constructor(written: number, cause: unknown) {
    super('not written whole', { cause });
    this.written = written;
  }
}

/** Writes all of it; a pipe that is full is given a moment. @throws WriteError */
export function writeWhole(descriptor: number, bytes: Buffer): void {
  const until = performance.now() + PATIENCE;
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN' || performance.now() > until) throw new WriteError(written, error);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
  }
}
