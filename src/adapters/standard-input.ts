/**
 * Standard input in large blocks. Node reads a pipe into a new buffer of 64 KiB at a time; for a WAL segment that is half of
 * the time that put-wal takes.
 */
import { fstatSync } from 'node:fs';
import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { Readable } from 'node:stream';

const BLOCK = 1_048_576;
const PIECE = 262_144;

/** What comes through a pipe or a socket, in blocks of 1 MiB; anything else as Node reads it. */
export function openStandardInput(): Readable {
  const facts = fstatSync(0);
  if (!facts.isFIFO() && !facts.isSocket()) return process.stdin;
  let block = Buffer.allocUnsafeSlow(BLOCK);
  let used = 0;
  const push = (): boolean => {
    const full = block.subarray(0, used);
    block = Buffer.allocUnsafeSlow(BLOCK);
    used = 0;
    return blocks.push(full);
  };
  /** False when nobody wants more for now. */
  const gather = (length: number, piece: Uint8Array): boolean => {
    let wanted = true;
    for (let offset = 0; offset < length;) {
      const part = piece.subarray(offset, Math.min(length, offset + BLOCK - used));
      block.set(part, used);
      used += part.length;
      offset += part.length;
      if (used === BLOCK) wanted = push();
    }
    return wanted;
  };
  const options: SocketConstructorOpts & ConnectOpts = {
    fd: 0,
    readable: true,
    writable: false,
    onread: { buffer: Buffer.allocUnsafeSlow(PIECE), callback: gather },
  };
  const socket = new Socket(options);
  const blocks = new Readable({
    highWaterMark: 4 * BLOCK,
    read: () => void socket.resume(),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('end', () => {
    if (used > 0) push();
    blocks.push(null);
  });
  socket.on('error', (error) => blocks.destroy(error));
  return blocks;
}
