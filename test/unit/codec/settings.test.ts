import { expect, it } from 'vitest';
import { codecSettings } from '../../../src/codec/settings.ts';

it('needs nothing but where the programs are', () => {
  expect(codecSettings({}, '/opt/tools:/bin', { LANG: 'C' })).toEqual({
    level: 'medium',
    customCompressionFilter: null,
    customDecompressionFilter: null,
    customCompressionMagic: null,
    encryptionKeyId: null,
    encryptionPassphraseCommand: null,
    searchPath: '/opt/tools:/bin',
    env: { LANG: 'C' },
  });
});

it('takes what the configuration of a server says', () => {
  const options = {
    customCompressionFilter: 'pack',
    customDecompressionFilter: 'unpack',
    customCompressionMagic: '0xc0ffee',
    encryptionKeyId: 'barman',
    encryptionPassphraseCommand: 'tell',
  };
  const settings = codecSettings({ ...options, compressionLevel: 'high' }, '', {});
  expect(settings).toMatchObject({ ...options, level: 'high' });
});
