/**
 * Standard input in large blocks. Node reads a pipe into a new buffer of 64 KiB at a time; for a WAL segment that is half of
 * the time that put-wal takes.
 */
import { fstatSync } from 'node:fs';
import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { Readable } from 'node:stream';

const BLOCK = 1_048_576;
/** With less room than this a block is full: a pipe gives at most so much at a time. */
const PIECE = 65_536;

/** What comes through a pipe or a socket, in blocks of up to 1 MiB; anything else as Node reads it. */
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
  const options: SocketConstructorOpts & ConnectOpts = {
    fd: 0,
    readable: true,
    writable: false,
    onread: {
      // The kernel writes behind what is there already.
      buffer: () => block.subarray(used),
      // False when nobody wants more for now.
      callback: (length) => {
        used += length;
        return BLOCK - used >= PIECE || push();
      },
    },
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
