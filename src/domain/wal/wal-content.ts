/** What a stored WAL file is, from its first bytes: archived names carry no suffix. Source: docs/behaviour/wal.md 4. */

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

/** In name order, as they are tried; `custom` falls between bzip2 and gzip. */
const MAGIC: readonly (readonly [string, readonly number[]])[] = [
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['lz4', [0x04, 0x22, 0x4d, 0x18]],
  ['snappy', [0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
];

/**
 * @param custom `compression = custom`: its magic bytes; null when none are configured, and then whatever is not
 * recognised counts as custom
 */
export function identifyWal(head: Uint8Array, custom?: { readonly magic: Uint8Array | null }): StoredForm {
  if (isPgpMessage(head) || startsWith(head, ARMOR)) return { compression: null, encryption: 'gpg' };
  if (
    custom?.magic &&
    custom.magic.length > 0 &&
    !startsWith(head, MAGIC[0]?.[1] ?? []) &&
    startsWith(head, custom.magic)
  ) {
    return { compression: 'custom', encryption: null };
  }
  const known = MAGIC.find(([, magic]) => startsWith(head, magic));
  if (known) return { compression: known[0], encryption: null };
  return custom?.magic === null ? { compression: 'custom', encryption: null } : PLAIN;
}

/** gpg with `armor` in its configuration writes text: `-----BEGIN PGP M[ESSAGE-----]`. */
const ARMOR = Array.from('-----BEGIN PGP M', (letter) => letter.charCodeAt(0));

function startsWith(head: Uint8Array, magic: ArrayLike<number>): boolean {
  return head.length >= magic.length && Array.from(magic).every((byte, index) => head[index] === byte);
}

/**
 * An OpenPGP message opens with a session key packet, public key (tag 1, version 3) or passphrase (tag 3, version 4); the
 * tag is in one of two header forms (RFC 4880, 4.2). A WAL page begins with its own magic, whose second byte is 0xd0 or
 * 0xd1, which is no such version.
 */
function isPgpMessage(head: Uint8Array): boolean {
  const [tag = 0] = head;
  const isOld = (tag & 0xc0) === 0x80;
  const kind = isOld ? (tag >> 2) & 0x0f : (tag & 0xc0) === 0xc0 ? tag & 0x3f : 0;
  if (kind !== 1 && kind !== 3) return false;
  const lengthBytes = isOld ? 1 << (tag & 3) : (head[1] ?? 0) < 192 ? 1 : 2;
  return head[1 + lengthBytes] === (kind === 1 ? 3 : 4);
}

/** Reads `custom_compression_magic`: `0x1f8b`; null when it is unset or no hexadecimal number. */
export function parseMagic(text: string | null): Uint8Array | null {
  const digits = /^0x((?:[0-9a-fA-F]{2})+)$/.exec(text?.trim() ?? '')?.[1];
  return digits === undefined ? null : Uint8Array.from(Buffer.from(digits, 'hex'));
}
