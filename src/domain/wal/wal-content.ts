/** What a stored WAL file is, from its first bytes: archived names carry no suffix. Source: docs/behaviour/wal.md 4. */
import { cipherOf } from '../ciphers.ts';
import { CODEC_NAMES, CODECS } from '../codecs.ts';

export interface StoredForm {
  readonly compression: string | null;
  readonly encryption: string | null;
}

export const PLAIN: StoredForm = { compression: null, encryption: null };

export function isPlain({ compression, encryption }: StoredForm): boolean {
  return compression === null && encryption === null;
}

/** How many first bytes `identifyWal` wants. */
export const IDENTIFYING_BYTES = 16;

/** The same where the magic number of a custom filter may be long. */
export const HEAD_LENGTH = 64;

/**
 * @param custom `compression = custom`: its magic bytes; null when none are configured, and then whatever is not
 * recognised counts as custom
 */
export function identifyWal(head: Uint8Array, custom?: { readonly magic: Uint8Array | null }): StoredForm {
  const encryption = cipherOf(head);
  if (encryption !== null) return { compression: null, encryption };
  const known = CODEC_NAMES.find((name) => startsWith(head, CODECS[name].magic)) ?? null;
  // The names are tried in their order, and `custom` comes after bzip2.
  const isCustom = known !== 'bzip2' && custom?.magic && custom.magic.length > 0 && startsWith(head, custom.magic);
  if (isCustom || (known === null && custom?.magic === null)) return { compression: 'custom', encryption: null };
  return known === null ? PLAIN : { compression: known, encryption: null };
}

/** The same, where the magic number is the text of `custom_compression_magic`. */
export function detectForm(head: Uint8Array, customMagic: string | null = null): StoredForm {
  const magic = parseMagic(customMagic);
  return identifyWal(head, magic === null ? undefined : { magic });
}

function startsWith(head: Uint8Array, magic: ArrayLike<number>): boolean {
  return head.length >= magic.length && Array.from(magic).every((byte, index) => head[index] === byte);
}

/** Reads `custom_compression_magic`: `0x1f8b`; null when it is unset or no hexadecimal number. */
export function parseMagic(text: string | null): Uint8Array | null {
  const digits = /^0x((?:[0-9a-fA-F]{2})+)$/.exec(text?.trim() ?? '')?.[1];
  return digits === undefined ? null : Uint8Array.from(Buffer.from(digits, 'hex'));
}
