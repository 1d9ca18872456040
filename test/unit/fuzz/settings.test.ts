/** What administrators write: configuration, connection strings, policies, moments. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interpolate, parseIni } from '../../../src/config/ini.ts';
import { formatConninfo, parseConninfo } from '../../../src/domain/conninfo.ts';
import { redactSecrets } from '../../../src/domain/redaction.ts';
import { ConfigError } from '../../../src/domain/errors.ts';
import { formatRetentionPolicy, parseRetentionPolicy } from '../../../src/domain/backup/retention-policy.ts';
import { parseTargetTime } from '../../../src/domain/time/target-time.ts';
import { always, readOrRefuse, textNear } from '../../support/fuzz.ts';

describe('configuration files', () => {
  it('are refused with their error or read', () => {
    always(textNear('[', ']', '[a]\n', 'key = ', '=', ':', '\n', '\n  ', '#', ';', '%(', ')s', '%%'), (text) => {
      readOrRefuse(() => parseIni(text, '/x'), ConfigError);
    });
  });

  it('resolve references without end into an error', () => {
    const value = textNear('%(a)s', '%(b)s', '%(c)s', '%%', '%', '%(');
    always(fc.tuple(value, value, value), ([a, b, c]) => {
      const values = new Map(Object.entries({ a, b, c }));
      readOrRefuse(() => interpolate(a, (key) => values.get(key), { section: 'section', key: 'a' }), ConfigError);
    });
  });
});

describe('connection strings', () => {
  const near = textNear(
    'host',
    'password',
    '=',
    "'",
    '\\',
    ' ',
    'postgresql://',
    '@',
    ':',
    '/',
    '?',
    '&',
    '%',
    '[',
    ']',
  );

  it('are refused with their error, or written and read again', () => {
    always(near, (text) => {
      const keywords = readOrRefuse(() => parseConninfo(text), ConfigError);
      // What looks like a scheme is no keyword of libpq, and must not become the first word of a string.
      if (keywords === undefined || text.includes('://')) return;
      expect(parseConninfo(formatConninfo(keywords))).toEqual(keywords);
    });
  });

  it('keep any keyword, also one that JavaScript has a use for', () => {
    for (const key of ['__proto__', 'constructor', 'toString']) {
      expect(Object.entries(parseConninfo(`${key}=x host=y`))).toEqual([
        [key, 'x'],
        ['host', 'y'],
      ]);
      expect(Object.entries(parseConninfo(`postgresql://?${key}=x`))).toEqual([[key, 'x']]);
    }
  });

  it('lose their password once and for all', () => {
    always(fc.stringMatching(/^[a-zA-Z0-9!#$^*+<>~]{8,16}$/), (secret) => {
      for (const text of [
        `host=a password=${secret} port=1`,
        `password = '${secret}'`,
        `postgresql://u:${secret}@h/d`,
      ]) {
        const hidden = redactSecrets(text);
        expect(hidden).not.toContain(secret);
        expect(redactSecrets(hidden)).toBe(hidden);
      }
    });
  });

  it('of any kind come out of the redaction, in the same form when it is applied again', () => {
    always(near, (text) => {
      expect(redactSecrets(redactSecrets(text))).toBe(redactSecrets(text));
    });
  });
});

describe('words of an administrator', () => {
  it('retention policies read what they write', () => {
    always(textNear('REDUNDANCY ', 'RECOVERY WINDOW OF ', ' DAYS', ' weeks', '2', ' ', '-', '9'.repeat(30)), (text) => {
      const policy = parseRetentionPolicy(text);
      if (policy === null) return;
      expect(parseRetentionPolicy(formatRetentionPolicy(policy))).toEqual(policy);
    });
  });

  it('moments are read or refused with a reason', () => {
    const clock = {
      today: { year: 2026, month: 11, day: 21 },
      zone: { at: () => ({ seconds: 3600, name: 'CET' }) },
    };
    const near = textNear(
      '2026-11-21',
      '99999',
      ' ',
      'T',
      '12:00',
      ':61',
      '.5',
      '+',
      '-',
      '99',
      'Z',
      'CET',
      'Nov',
      '/',
    );
    always(near, (text) => {
      const { time, reason } = parseTargetTime(text, clock);
      expect((time === undefined) !== (reason === undefined)).toBe(true);
      if (time) expect(Math.abs(time.offsetMinutes)).toBeLessThanOrEqual(24 * 60);
    });
  });
});
