/** Does xlog.db list a file? Asked only for a WAL that comes a second time, so the answer is looked up, not kept. */
import { open } from 'node:fs/promises';
import type { Catalog } from '../../catalog/catalog.ts';
import { errnoOf } from '../../domain/errors.ts';

/** What comes twice was mostly archived a moment ago: about a thousand lines of the end are tried first, bytes. */
const TAIL = 65_536;

/**
 * True when the index has a line for this name. @throws WalError when the index cannot be read (the hint says
 * rebuild-xlogdb)
 */
export async function isListed(catalog: Catalog, name: string): Promise<boolean> {
  if ((await readTail(catalog.layout.xlogdb)).includes(`\n${name}\t`)) return true;
  let found = false;
  await catalog.readWals((record) => {
    found ||= record.name === name;
    return !found;
  });
  return found;
}

/** Read without the lock: a line that is found whole is there; what is not found is looked up under the lock. */
async function readTail(path: string): Promise<string> {
  try {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      const start = Math.max(0, size - TAIL);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(TAIL), 0, TAIL, start);
      // The last line may still be on its way.
      const text = buffer.toString('latin1', 0, bytesRead);
      return `${start === 0 ? '\n' : ''}${text.slice(0, text.lastIndexOf('\n') + 1)}`;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  }
}
