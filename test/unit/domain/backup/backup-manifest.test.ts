import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSafeRelative, parseManifest } from '../../../../src/domain/backup/backup-manifest.ts';
import { BackupError } from '../../../../src/domain/errors.ts';

/** A manifest of these entries (JSON texts) with a right checksum of itself. */
function manifest(...entries: readonly string[]): Buffer {
  return sealed(`{"PostgreSQL-Backup-Manifest-Version": 1,\n"Files": [\n${entries.join(',\n')}],\n`);
}

function sealed(body: string): Buffer {
  return Buffer.from(`${body}"Manifest-Checksum": "${createHash('sha256').update(body).digest('hex')}"}\n`);
}

const SUM = 'ab'.repeat(32);
const good = `{ "Path": "base/1/2", "Size": 7, "Last-Modified": "2026-11-21 02:34:43 GMT", "Checksum-Algorithm": "SHA256", "Checksum": "${SUM}" }`;

describe('parseManifest', () => {
  it('reads files of every checksum, and none', () => {
    const entries = [
      good,
      '{"Path":"b","Size":0,"Checksum-Algorithm":"CRC32C","Checksum":"00000000"}',
      '{"Path":"c","Size":1}',
      '{"Encoded-Path":"646ff0","Size":2}',
      '{"Path":"é","Size":3}',
    ];
    expect([...parseManifest(manifest(...entries)).values()]).toEqual([
      { path: 'base/1/2', size: 7, checksum: { algorithm: 'SHA256', hex: SUM } },
      { path: 'b', size: 0, checksum: { algorithm: 'CRC32C', hex: '00000000' } },
      { path: 'c', size: 1, checksum: null },
      { path: 'do\xf0', size: 2, checksum: null },
      { path: '\xc3\xa9', size: 3, checksum: null },
    ]);
    expect(parseManifest(manifest())).toEqual(new Map());
  });

  it('reads version 2, with the identifier of the system', () => {
    const body = `{"PostgreSQL-Backup-Manifest-Version": 2,\n"System-Identifier": 7712898434829133360,\n"Files": [\n${good}\n],\n"WAL-Ranges": [\n],\n`;
    expect(parseManifest(sealed(body)).size).toBe(1);
  });

  it.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), 'could not parse backup manifest: parsing failed'],
    ['no object', Buffer.from('[]\n\n'), 'could not parse backup manifest: unexpected scalar'],
    ['an empty object', Buffer.from('{}\n'), 'could not parse backup manifest: unexpected manifest version'],
    [
      'no checksum',
      Buffer.from('{"PostgreSQL-Backup-Manifest-Version": 1,\n"Files": []}\n'),
      'could not parse backup manifest: expected manifest checksum',
    ],
    ['a cut end', manifest(good).subarray(0, -1), 'could not parse backup manifest: last line not newline-terminated'],
    [
      'a changed byte',
      Buffer.from(manifest(good).toString().replace('base/1/2', 'base/1/3')),
      'manifest checksum mismatch',
    ],
    [
      'an unknown field',
      manifest('{"Path":"a","Size":1,"x":1}'),
      'could not parse backup manifest: unexpected file field',
    ],
    ['no size', manifest('{"Path":"a"}'), 'could not parse backup manifest: missing size'],
    [
      'a wrong size',
      manifest('{"Path":"a","Size":-1}'),
      'could not parse backup manifest: file size is not an integer',
    ],
    ['no path', manifest('{"Size":1}'), 'could not parse backup manifest: missing path name'],
    [
      'two paths',
      manifest('{"Path":"a","Encoded-Path":"61","Size":1}'),
      'could not parse backup manifest: both path name and encoded path name',
    ],
    [
      'half a byte',
      manifest('{"Encoded-Path":"616","Size":1}'),
      'could not parse backup manifest: could not decode file name',
    ],
    [
      'a path twice',
      manifest('{"Path":"a","Size":1}', '{"Encoded-Path":"61","Size":1}'),
      'duplicate path name in backup manifest: "a"',
    ],
    [
      'an unknown algorithm',
      manifest('{"Path":"a","Size":1,"Checksum-Algorithm":"MD5","Checksum":"00"}'),
      'unrecognized checksum algorithm: "MD5"',
    ],
    [
      'no checksum that could be one',
      manifest('{"Path":"a","Size":1,"Checksum-Algorithm":"CRC32C","Checksum":"zz"}'),
      'invalid checksum for file "a": "zz"',
    ],
    [
      'a short checksum',
      manifest('{"Path":"a","Size":1,"Checksum-Algorithm":"CRC32C","Checksum":"00"}'),
      'file "a" has checksum of length 4, but expected 1',
    ],
    ...['/etc/passwd', '../x', 'a/../../x', 'a//b', './a', 'a/', '..', ''].map((path): [string, Buffer, string] => [
      `the path '${path}'`,
      manifest(`{"Path":"${path}","Size":1}`),
      `could not parse backup manifest: unsafe path name "${path}"`,
    ]),
    [
      'an encoded path that leaves',
      manifest(`{"Encoded-Path":"${Buffer.from('../x').toString('hex')}","Size":1}`),
      'could not parse backup manifest: unsafe path name "../x"',
    ],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseManifest(bytes)).toThrow(new BackupError(message));
  });

  it('never fails otherwise than by refusing, and never lets a path out', () => {
    const value = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.integer(),
      fc.constantFrom(null, '../x', '2e2e2f78', 'CRC32C', '00000000', 'SHA256'),
    );
    const fields = ['Path', 'Encoded-Path', 'Size', 'Checksum', 'Checksum-Algorithm', 'Last-Modified'];
    const entry = fc
      .record(Object.fromEntries(fields.map((name) => [name, value])), { requiredKeys: [] })
      .map((facts) => JSON.stringify(facts));
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 3 }), (entries) => {
        try {
          for (const path of parseManifest(manifest(...entries)).keys()) expect(isSafeRelative(path)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(BackupError);
        }
      }),
      { numRuns: 60 },
    );
    fc.assert(
      fc.property(fc.nat(manifest(good).length - 1), fc.nat(255), (at, byte) => {
        const bytes = manifest(good);
        if (bytes[at] === byte) return;
        bytes[at] = byte;
        try {
          // What is left when e.g. a blank of the last line became another blank.
          expect(parseManifest(bytes)).toEqual(parseManifest(manifest(good)));
        } catch (error) {
          expect(error).toBeInstanceOf(BackupError);
        }
      }),
      { numRuns: 60 },
    );
  });
});
