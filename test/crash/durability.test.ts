/** The judge of the order of writing must itself find what it is there for. */
import { expect, it } from 'vitest';
import { orderViolations } from './durability.ts';
import type { Step } from './shim.ts';

const WAL = '000000010000000000000001';
const HASH = 'pg/wals/0000000100000000';
const step = (operation: string, path: string, to: string | null = null): Step => ({ operation, path, to });

/** A segment compressed, published, indexed; then its source goes. */
const GOOD: readonly Step[] = [
  step('create', `${HASH}/${WAL}.tmp`),
  step('write', `${HASH}/${WAL}.tmp`),
  step('fsync', `${HASH}/${WAL}.tmp`),
  step('rename', `${HASH}/${WAL}.tmp`, `${HASH}/${WAL}`),
  step('fsync', HASH),
  step('write', 'pg/wals/pg-xlog.db'),
  step('fsync', 'pg/wals/pg-xlog.db'),
  step('unlink', `pg/incoming/${WAL}`),
  step('fsync', 'pg/incoming'),
];
const without = (index: number) => GOOD.toSpliced(index, 1);

it('accepts the right order', () => {
  expect(orderViolations(GOOD, 0)).toEqual([]);
});

it('finds a name given before the content is flushed', () => {
  expect(orderViolations(without(2), 1)[0]).toBe(
    `${HASH}/${WAL}.tmp is renamed to ${HASH}/${WAL} before it is flushed`,
  );
});

it('finds a source that goes before the directory of its copy is flushed', () => {
  expect(orderViolations(without(4), 0)).toEqual([
    `pg/incoming/${WAL} is removed before the name ${HASH}/${WAL} is flushed`,
    `exit 0 before the name ${HASH}/${WAL} is flushed`,
  ]);
});

it('finds a source that goes before the index is flushed', () => {
  expect(orderViolations(without(6), 0)).toEqual([
    `pg/incoming/${WAL} is removed before pg/wals/pg-xlog.db is flushed`,
    'exit 0 before pg/wals/pg-xlog.db is flushed',
  ]);
});

it('asks for a flush before exit 0 only', () => {
  const written = [step('create', 'pg/meta/x'), step('write', 'pg/meta/x')];
  expect(orderViolations(written, 1)).toEqual([]);
  expect(orderViolations(written, 0)).toEqual([
    'exit 0 before pg/meta/x is flushed',
    'exit 0 before the name pg/meta/x is flushed',
  ]);
});
