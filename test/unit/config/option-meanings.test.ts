/** Every option has a meaning, the words that may be written are those its parser takes, and the page is up to date. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configurationPage } from '../../../scripts/configuration-page.ts';
import { GLOBAL_MEANINGS, SUBJECTS } from '../../../src/config/option-meanings.ts';
import { GLOBAL_NAMES, type Option, OPTION_NAMES, OPTIONS, OWN_OPTIONS } from '../../../src/config/options.ts';
import { text } from '../../../src/config/parsers.ts';

const ROWS = SUBJECTS.flatMap(({ options }) => options);

describe('option meanings', () => {
  it('name every option once', () => {
    expect(ROWS.map(([name]) => name).toSorted()).toEqual([...OPTION_NAMES].toSorted());
    expect(Object.keys(GLOBAL_MEANINGS).toSorted()).toEqual([...GLOBAL_NAMES].toSorted());
  });

  it('tell our own options from those of Barman', () => {
    expect(
      ROWS.filter(([, since]) => since === 'ours')
        .map(([name]) => name)
        .toSorted(),
    ).toEqual([...OWN_OPTIONS].toSorted());
    expect(ROWS.filter(([, since]) => since !== 'ours' && !/^\d+\.\d+(\.\d+)?$/.test(since))).toEqual([]);
  });

  const worded = ROWS.flatMap(([name, , , allowed]) =>
    Array.isArray(allowed) ? [{ name, words: allowed as string[] }] : [],
  );

  it.each(worded)('$name: its words', ({ name, words }) => {
    const { parse }: Option<unknown> = OPTIONS[name];
    const place = { key: name, section: 'pg' };
    for (const word of words) expect(() => parse(word, place)).not.toThrow();
    // Late options are read as text at first.
    if (parse === text) return;
    const reason = (() => {
      try {
        return parse('no such word', place);
      } catch (error) {
        return String(error);
      }
    })();
    expect(reason).toMatch(/nvalid/);
    const listed = String(reason).match(/'([a-z][\w:-]*)'/gi) ?? [];
    const known = listed.map((quoted) => quoted.slice(1, -1)).filter((word) => word !== name);
    expect(known.filter((word) => !words.includes(word))).toEqual([]);
  });

  it('are on the page: type "npm run docs"', () => {
    const page = readFileSync(fileURLToPath(new URL('../../../docs/configuration.md', import.meta.url)), 'utf8');
    expect(page).toBe(configurationPage());
  });
});
