/** Every deliberate difference of the side-by-side suite has its row in docs/compatibility.md, and is shown by a line. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { DIFFERENCES } from '../compat/answers/differences.ts';
import { ALL_LINES } from '../compat/answers/all-lines.ts';

const page = readFileSync(fileURLToPath(new URL('../../docs/compatibility.md', import.meta.url)), 'utf8');
const unique = (names: Iterable<string>) => [...new Set(names)].sort((left, right) => (left < right ? -1 : 1));

it('names the same differences in the suite, in its lines and on the page', () => {
  const registered = unique(Object.keys(DIFFERENCES));
  expect(unique([...page.matchAll(/`answers#([a-z0-9-]+)`/g)].map((match) => match[1] ?? ''))).toEqual(registered);
  expect(unique(ALL_LINES.flatMap(([, , options]) => options?.differs ?? []))).toEqual(registered);
});

it('compares every line once', () => {
  const texts = ALL_LINES.map(([area, typed, options]) => JSON.stringify([area, typed, options]));
  expect(texts.filter((text, index) => texts.indexOf(text) !== index)).toEqual([]);
});
