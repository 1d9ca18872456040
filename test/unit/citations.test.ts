/** Every document that a comment cites exists, with the sections, steps and rows that it names; links of our pages lead somewhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { citationsOf, commentsOf, problemsOf } from '../support/citations.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', ...filesBelow('docs', /\.md$/)];

const texts = new Map<string, string | undefined>();
function read(document: string): string | undefined {
  if (!texts.has(document)) {
    const path = join(ROOT, document);
    texts.set(document, existsSync(path) ? readFileSync(path, 'utf8') : undefined);
  }
  return texts.get(document);
}

function filesBelow(folder: string, name: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && name.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length));
}

function problemsOfText(text: string, home = ''): string[] {
  return citationsOf(text, home).flatMap((citation) => problemsOf(citation, read));
}

describe('citations in comments', () => {
  const sources = [
    // The copy of the tree in which root runs the tests lacks those that begin with a point.
    ...['src', 'scripts', 'bin', 'etc', '.ci', '.github']
      .filter((folder) => existsSync(join(ROOT, folder)))
      .flatMap((folder) => filesBelow(folder, /./)),
    ...filesBelow('test', /\.m?ts$/).filter((path) => path !== 'test/unit/citations.test.ts'),
    'vitest.config.ts',
  ];
  const comments = sources.flatMap((path) =>
    commentsOf(path, read(path) ?? '').map((text): [string, string] => [path, text]),
  );

  it('resolve', () => {
    const found = comments.flatMap(([path, text]) => problemsOfText(text).map((problem) => `${path}: ${problem}`));
    expect(found).toEqual([]);
    expect(comments.flatMap(([, text]) => citationsOf(text)).length).toBeGreaterThan(250);
  });

  it('have one spelling', () => {
    expect(comments.filter(([, text]) => /\bspec(ification)? \w+\.md/i.test(text)).map(([path]) => path)).toEqual([]);
  });

  it.each([
    ['docs/behaviour/wal.md 3 step 2, 10; faults.md REF4, A1 to A12', []],
    ['docs/behaviour/config.md 7, "Path conflicts", and 12 "Enforcement"', []],
    ['docs/behaviour/check.md 1.1 rows 1 to 3, 1.2', []],
    ['docs/behaviour/wall.md 3', ['docs/behaviour/wall.md does not exist']],
    ['docs/behaviour/wal.md 3 and 99', ['docs/behaviour/wal.md has no section 99']],
    ['docs/behaviour/backup.md 1.1 steps 7 to 99', ['docs/behaviour/backup.md has no step 99']],
    ['docs/behaviour/check.md rows 4 to 99', ['docs/behaviour/check.md has no row 99']],
    ['docs/behaviour/wal.md 3, faults.md REF99', ['docs/behaviour/faults.md has no row REF99']],
    ['docs/behaviour/config.md 7, "Made up"', ['docs/behaviour/config.md has no title Made up']],
    ['wal.md 3', ['wal.md does not exist']],
  ])('%s', (text, problems) => {
    const [comment] = commentsOf('made-up.ts', `/**\n * Source: ${text}.\n */\n`);
    expect(problemsOfText(comment ?? '')).toEqual(problems);
  });
});

describe('pages', () => {
  it.each(PAGES)('%s: its links and the sections it names are there', (page) => {
    const text = read(page) ?? '';
    const links = [...text.matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)/g)].map(([, target]) => target as string);
    expect(links.filter((target) => !existsSync(join(ROOT, dirname(page), target)))).toEqual([]);
    if (!page.startsWith('docs/behaviour/')) return;
    // Within the pages of behaviour: `catalog.md 3` and, of the page itself, `§3.5`.
    const own = text.replace(/§(?=\d)/g, `${page} `).replaceAll(/\[[^\]]*\]\([^)]*\)/g, '');
    expect(problemsOfText(own, 'docs/behaviour/')).toEqual([]);
  });
});
