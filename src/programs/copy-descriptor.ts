/** The bytes of one open file into another. */
import { readSync, writeSync } from 'node:fs';

const BLOCK = 4_194_304;

export function copyDescriptor(from: number, to: number): void {
  const block = Buffer.allocUnsafe(BLOCK);
  for (let position = 0; ;) {
    const length = readSync(from, block, 0, BLOCK, position);
    if (length === 0) return;
    for (let offset = 0; offset < length;) offset += writeSync(to, block, offset, length - offset);
    position += length;
  }
}
