/** Decompression on the database host, with the programs of this host. Loaded when something compressed arrives. */
import type { Duplex } from 'node:stream';
import { codecsHere } from './codecs-here.ts';
import { decompressor } from '../codec/compression.ts';

/** @throws WalError when this host cannot do it */
export function unpacker(compression: string): Duplex {
  return decompressor(compression, codecsHere());
}
