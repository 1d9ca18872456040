/** What is a value is spelled out in one file: a branch anywhere else would have to be found again for each new kind. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const src = fileURLToPath(new URL('../../src', import.meta.url));

interface Spelling {
  readonly what: string;
  readonly pattern: RegExp;
  /** The last part of the path of the one file that may spell it. */
  readonly home: string;
  /** Lines that have to be found. */
  readonly examples: readonly string[];
}

const SPELLINGS: readonly Spelling[] = [
  {
    what: 'a comparison of PostgreSQL versions',
    pattern: /(?:[<>]=?)\s*(?:9\d_?\d00|1\d0_?000)\b|\bmajor\w*\)?\s*[<>]/,
    home: 'domain/postgres-version.ts',
    examples: [
      "version >= 150_000 ? 'a' : 'b'",
      'version < 90600',
      'if (program.major < 15) {',
      '(info.version ?? 0) < 120_000',
    ],
  },
  {
    what: 'a look for a URL in the text of a place',
    pattern: /'[^']*:\/\/'|(?<!postgres\(\?:ql\)\?):\\\/\\\//,
    home: 'domain/location.ts',
    examples: [
      "if (config.walsDirectory.includes('://')) return;",
      String.raw`const CLOUD_URL = /^s3:\/\/[^/]+/;`,
      "path.startsWith('s3://')",
    ],
  },
  {
    what: 'a test for the option that makes a server passive',
    pattern: /primarySshCommand\b\s*[!=]==?|!+[\w.]*primarySshCommand\b|\bconfig\.active\b/,
    home: 'domain/server-role.ts',
    examples: [
      'const isPassive = config.primarySshCommand !== null;',
      'if (primarySshCommand === null) return;',
      '!config.primarySshCommand',
      'if (!config.active) return;',
    ],
  },
  {
    what: 'a fact about a compression format',
    pattern:
      /0x1f, 0x8b|0x28, 0xb5|0x42, 0x5a|['.](?:tar\.)?(?:gz|bz2|xz|zst|lz4)['`]|--use-compress-program|'gzip', '(?:bzip2', '(?:xz|py)|lz4)/,
    home: 'domain/codecs.ts',
    examples: [
      "gzip: { suffix: '.tar.gz', args: ['-xzf'] },",
      "['zstd', [0x28, 0xb5, 0x2f, 0xfd]],",
      "lz4: { program: 'lz4', option: ['--use-compress-program', 'lz4'] },",
      "oneOf(['gzip', 'bzip2', 'xz'])",
    ],
  },
  {
    what: 'a comparison of backup ids',
    pattern: /\bbackupId\s*(?:[<>]=?)|[^=](?:[<>]=?)\s*[\w.]*backupId\b(?!\])/,
    home: 'domain/backup/backup-order.ts',
    examples: [
      'backups.findLast((other) => other.backupId < info.backupId)',
      'if (backupId >= newest) return;',
      'names.filter((name) => name > job.backupId)',
    ],
  },
  {
    what: "a question to the runtime's idea of the local time",
    pattern:
      /\.(?:get|set)(?:FullYear|Month|Date|Day|Hours|Minutes|Seconds)\(|getTimezoneOffset|toLocale(?:Date|Time)?String|new Date\([^()]*,/,
    home: 'domain/time/local-time.ts',
    examples: [
      'const hour = now.getHours();',
      'date.setFullYear(year, month - 1, day);',
      'new Date(now.getFullYear(), 0, 1)',
      '-moment.getTimezoneOffset()',
      'new Date(2026, 0, 1)',
    ],
  },
];

function sources(): { readonly name: string; readonly code: readonly string[] }[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ name, code: readFileSync(join(src, name), 'utf8').split('\n').filter(isCode) }));
}

function isCode(line: string): boolean {
  return !/^\s*(?:\/?\*|\/\/)/.test(line);
}

describe.each(SPELLINGS)('$what', ({ pattern, home, examples }) => {
  it(`is in ${home} alone`, () => {
    const strays = sources().flatMap(({ name, code }) =>
      name.endsWith(home) ? [] : code.filter((line) => pattern.test(line)).map((line) => `${name}: ${line.trim()}`),
    );
    expect(strays).toEqual([]);
  });

  it('would be seen elsewhere', () => {
    expect(examples.filter((line) => !pattern.test(line))).toEqual([]);
  });
});
