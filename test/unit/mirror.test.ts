/** test/unit and the folders of test/integration mirror src, so that the tests of a file are where one looks for them. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Of the project as a whole, or of several files at once. */
const ELSEWHERE = [/^[^/]+$/, /^etc\//, /^fuzz\//, /^domain\/backup\/retention-model$/];

/** `domain/wal/wal.test.ts` is about src/domain/wal/wal.ts, `catalog/wals.rebuild.test.ts` about a side of src/catalog/wals.ts. */
function strangers(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => name.replace(/\.test\.ts$/, '').replace(/\.[a-z-]+$/, ''))
    .filter((name) => !ELSEWHERE.some((pattern) => pattern.test(name)))
    .filter((name) => !existsSync(join(root, 'src', `${name}.ts`)) && !existsSync(join(root, 'src', name)));
}

it('each test lies where its source lies: src/<path>.ts or the folder src/<path>', () => {
  expect(strangers('test/unit')).toEqual([]);
  expect(strangers('test/integration')).toEqual([]);
});
