import { describe, expect, it } from 'vitest';
import { CIPHER_NAMES, CIPHERS, type Cipher, cipherOf } from '../../../src/domain/ciphers.ts';
import { type Codec, CODEC_NAMES, CODECS } from '../../../src/domain/codecs.ts';

describe.each(CIPHER_NAMES)('the row of %s', (name) => {
  const cipher: Cipher = CIPHERS[name];

  it('has a suffix of its own', () => {
    const others = [
      ...CODEC_NAMES.map((codec): Codec => CODECS[codec]),
      ...CIPHER_NAMES.map((other) => CIPHERS[other]),
    ];
    expect(others.filter(({ suffix }) => suffix === cipher.suffix)).toEqual([cipher]);
  });

  it('takes nothing that is compressed or plain for its own', () => {
    for (const codec of CODEC_NAMES) expect(cipherOf(Uint8Array.from(CODECS[codec].magic))).toBeNull();
    for (const head of ['', '10d10700010000000000000100000000']) expect(cipherOf(Buffer.from(head, 'hex'))).toBeNull();
  });
});

it.each([
  ['a session key packet', Buffer.from('85010c03', 'hex')],
  ['armor', Buffer.from('-----BEGIN PGP MESSAGE-----\n')],
])('gpg is known by %s', (_, head) => {
  expect(cipherOf(head)).toBe('gpg');
  expect(cipherOf(head.subarray(0, 2))).toBeNull();
});
