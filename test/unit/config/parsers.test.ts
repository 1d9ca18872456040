import { describe, expect, it } from 'vitest';
import { type OptionName, OPTIONS } from '../../../src/config/options.ts';

const parse = (option: string, text: string) =>
  OPTIONS[option as OptionName].parse(text, { key: option, section: 'a' });

describe('option values', () => {
  it.each<[string, string, unknown]>([
    ['archiver', 'ON', true],
    ['archiver', 'f', false],
    ['parallel_jobs', ' +1_0 ', 10],
    ['compression_level', '-3', -3],
    ['compression_level', 'HIGH', 'high'],
    ['compression_level', '', ''],
    ['compression', 'GZip', 'gzip'],
    ['compression', '', ''],
    ['last_backup_maximum_age', '2 DAYS', 172_800],
    ['last_backup_maximum_age', '1 month', 2_678_400],
    ['last_backup_maximum_age', '', null],
    ['last_backup_minimum_size', '5  Gi', 5_368_709_120],
    ['last_backup_minimum_size', '2k', 2000],
    ['last_backup_minimum_size', '', null],
    ['slot_name', 'BARMAN_1', 'barman_1'],
    ['backup_method', 'Local-Rsync', 'local-rsync'],
    ['backup_options', '', new Set()],
    [
      'backup_options',
      'External_Configuration , concurrent_backup',
      new Set(['external_configuration', 'concurrent_backup']),
    ],
    ['recovery_options', 'get-wal', new Set(['get-wal'])],
    ['snapshot_disks', 'a, b', ['a', ' b']],
    ['encryption', 'NONE', null],
    ['encryption', 'gpg', 'gpg'],
    ['aws_encryption', 'aws:kms', 'aws:kms'],
    ['wals_directory', 's3://bucket/prefix', 's3://bucket/prefix'],
    [
      'wals_directory',
      'https://account.blob.core.windows.net/container',
      'https://account.blob.core.windows.net/container',
    ],
  ])('%s = %j is %j', (option, text, value) => {
    expect(parse(option, text)).toEqual(value);
  });

  const BOOLEAN = 'Invalid boolean representation (must be one in: true|t|yes|1|on | false|f|no|0|off)';
  it.each([
    ['archiver', 'maybe', BOOLEAN],
    ['parallel_jobs', '30s', "invalid literal for int() with base 10: '30s'"],
    ['parallel_jobs', '1__0', "invalid literal for int() with base 10: '1__0'"],
    ['parallel_jobs', '99999999999999999999', "invalid literal for int() with base 10: '99999999999999999999'"],
    ['last_wal_maximum_age', '2days', 'Invalid value for a time interval 2days'],
    ['last_backup_minimum_size', '1KB', 'Invalid value for a number 1KB'],
    ['staging_path', 'rel', "Invalid value : 'rel' (must be an absolute path)"],
    [
      'slot_name',
      'a-b',
      'Replication slot names may only contain lower case letters, numbers, and the underscore character.',
    ],
    [
      'compression',
      'FOO',
      "Invalid value: 'foo' (must be one in: gzip, bzip2, pygzip, pybzip2, pigz, xz, zstd, lz4, snappy, custom)",
    ],
    ['compression_level', 'X', "Invalid value: 'x' (must be one in [low, medium, high] or an acceptable integer)"],
    [
      'backup_method',
      'foo',
      "Invalid value (must be one in: 'rsync', 'postgres', 'local-rsync', 'snapshot', 'local-to-cloud')",
    ],
    ['backup_compression', 'XZ', "Invalid value 'XZ'(must be one in: ['gzip', 'lz4', 'zstd', 'none'])"],
    ['backup_compression_format', 'x', 'Invalid value (must be either `plain` or `tar`)'],
    ['backup_compression_location', 'x', 'Invalid value (must be either `client` or `server`)'],
    ['reuse_backup', 'nah', "Invalid value (use 'copy', 'link' or 'off')"],
    ['create_slot', 'x', "Invalid value (use 'manual' or 'auto')"],
    ['combine_mode', 'X', 'Invalid value: x (options are: copy, link, clone, copy-file-range)'],
    ['staging_location', 'Local', 'Invalid value: Local (options are: local, remote)'],
    ['encryption', 'AES', "Invalid encryption value 'aes'. Allowed values are: none, gpg."],
    ['aws_encryption', 'aes256', "Invalid value 'aes256' (must be one in: ['AES256', 'aws:kms'])"],
    ['snapshot_disks', 'a,,b', "['a', '', 'b']"],
    ['wals_directory', 'ftp://x', 'The URL is not compatible with any of the supported cloud providers'],
    [
      'recovery_options',
      'foo, get-wal, Bar',
      "Invalid configuration value 'bar' for key recovery_options in [a] section: Unknown option",
    ],
    [
      'recovery_options',
      'getwal',
      "Invalid configuration value 'getwal' for key recovery_options in [a] section: Unknown option",
    ],
    [
      'backup_options',
      'concurrent_backup,exclusive_backup',
      "Invalid configuration value 'exclusive_backup' for key backup_options in [a] section: cannot contain both 'exclusive_backup' and 'concurrent_backup'.Configuration directive ignored.",
    ],
  ])('%s = %j is refused', (option, text, reason) => {
    expect(() => parse(option, text)).toThrow(new Error(reason));
  });
});
