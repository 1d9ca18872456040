/** How a file on disk is stored, by its first bytes. */
import { open } from 'node:fs/promises';
import { detectForm, HEAD_LENGTH, type StoredForm } from '../domain/wal/wal-content.ts';

export async function detectFileForm(path: string, customMagic: string | null = null): Promise<StoredForm> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_LENGTH), 0, HEAD_LENGTH, 0);
    return detectForm(buffer.subarray(0, bytesRead), customMagic);
  } finally {
    await handle.close();
  }
}
