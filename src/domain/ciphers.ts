/** What WAL files can be encrypted with: one row for each cipher, beside the codecs. */
import type { Program } from './codecs.ts';

export interface Cipher {
  /** Of a file name. */
  readonly suffix: string;
  readonly program: Program;
  /** Does a file that begins with these bytes come from it? */
  readonly wrote: (head: Uint8Array) => boolean;
}

export const CIPHERS = {
  gpg: {
    suffix: '.gpg',
    program: { name: 'gpg', package: 'gnupg' },
    wrote: (head) => isPgpMessage(head) || ARMOR.every((byte, index) => head[index] === byte),
  },
} as const satisfies Readonly<Record<string, Cipher>>;

export type CipherName = keyof typeof CIPHERS;

export const CIPHER_NAMES = Object.keys(CIPHERS) as readonly CipherName[];

/** The cipher of a file that begins with these bytes; null when it is none that is known. */
export function cipherOf(head: Uint8Array): CipherName | null {
  return CIPHER_NAMES.find((name) => CIPHERS[name].wrote(head)) ?? null;
}

/** gpg with `armor` in its configuration writes text: `-----BEGIN PGP M[ESSAGE-----]`. */
const ARMOR = Array.from('-----BEGIN PGP M', (letter) => letter.charCodeAt(0));

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
