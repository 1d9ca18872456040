import { describe, expect, it } from 'vitest';
import { identifyWal, parseMagic } from '../../../../src/domain/wal/wal-content.ts';

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const PLAIN = bytes('10d10700010000000000000100000000');

describe('identifyWal', () => {
  it.each([
    ['1f8b0808', 'gzip'],
    ['425a6839', 'bzip2'],
    ['fd377a585a00', 'xz'],
    ['28b52ffd', 'zstd'],
    ['04224d18', 'lz4'],
    ['ff060000734e61507059', 'snappy'],
  ])('%s is %s', (head, compression) => {
    expect(identifyWal(bytes(head))).toEqual({ compression, encryption: null });
    expect(identifyWal(bytes(head).subarray(0, 2))).toEqual({ compression: null, encryption: null });
  });

  it('takes plain WAL, an empty file and a label for what they are', () => {
    for (const head of [PLAIN, bytes(''), Buffer.from('START WAL LOCATION'), Buffer.from('1\t0/A0')]) {
      expect(identifyWal(head)).toEqual({ compression: null, encryption: null });
    }
  });

  it.each([
    ['RSA 2048, old header', '85010c03'],
    ['elliptic curve, old header', '845e03'],
    ['new header, one length byte', 'c15e03'],
    ['new header, two length bytes', 'c1c14c03'],
    ['passphrase', '8c0d0409'],
  ])('knows an OpenPGP message: %s', (_, head) => {
    expect(identifyWal(bytes(head))).toEqual({ compression: null, encryption: 'gpg' });
  });

  it('counts what the custom filter wrote as custom, by its magic or for want of another name', () => {
    const withMagic = { magic: bytes('c0ffee') };
    expect(identifyWal(bytes('c0ffee00'), withMagic).compression).toBe('custom');
    expect(identifyWal(PLAIN, withMagic).compression).toBeNull();
    expect(identifyWal(bytes('1f8b0808'), withMagic).compression).toBe('gzip');
    expect(identifyWal(PLAIN, { magic: null }).compression).toBe('custom');
    expect(identifyWal(bytes('1f8b0808'), { magic: null }).compression).toBe('gzip');
  });
});

it('reads custom_compression_magic', () => {
  expect(parseMagic('0x1F8b')).toEqual(bytes('1f8b'));
  expect(parseMagic(' 0xff ')).toEqual(bytes('ff'));
  for (const text of [null, '', '0x', '0x1', '1f8b', 'word']) expect(parseMagic(text)).toBeNull();
});
