/** What a delta restore deletes over there, decided from a listing; the commands are run by integration/restore-remote. */
import { describe, expect, it } from 'vitest';
import type { Tree } from '../../../../src/restore/stages/copy.ts';
import { chooseObsolete } from '../../../../src/restore/stages/remote-delta.ts';

/** Names with a slash at their end are directories. */
function treeOf(...names: readonly string[]): Tree {
  const facts = { mode: 0o700, mtimeMs: 0 };
  return {
    directories: ['', ...names.filter((name) => name.endsWith('/'))].map((name) => ({
      ...facts,
      path: name.replace(/\/$/, ''),
    })),
    files: names
      .filter((name) => !name.endsWith('/'))
      .map((path) => ({ ...facts, path, source: `/b/${path}`, size: 1 })),
    size: 0,
  };
}

function listing(directories: readonly string[], files: readonly string[], others: readonly string[] = []): string {
  return [directories, files, others].map((names) => names.map((name) => `./${name}\0`).join('') + '\0').join('');
}

const nothing = { files: [], directories: [] };

describe('a cluster', () => {
  const tree = treeOf('base/', 'base/1/', 'base/1/16384', 'PG_VERSION', 'pg_wal/', 'postgresql.conf', 'empty/');
  const what = { tree, isCluster: true, keep: new Set<string>() };

  it('keeps what the backup holds and what is not of PostgreSQL', () => {
    const present = listing(
      ['base', 'base/1', 'pg_wal', 'conf.d', 'conf.d/base'],
      ['base/1/16384', 'conf.d/base/x', 'notes'],
    );
    expect(chooseObsolete(present, '/d', what)).toEqual(nothing);
    expect(chooseObsolete(listing([], []), '/d', what)).toEqual(nothing);
  });

  it('loses what PostgreSQL left, children first', () => {
    const present = listing(
      ['base', 'base/1', 'base/5', 'base/5/deep', 'pg_wal', 'pg_wal/archive_status', 'log'],
      [
        'base/1/16384',
        'base/1/99',
        'base/5/1',
        'base/5/deep/2',
        'pg_wal/1',
        'pg_wal/archive_status/1.done',
        'log/a',
        'recovery.signal',
        'postgresql.conf.origin',
        'postgresql.conf',
      ],
    );
    expect(chooseObsolete(present, '/d', what)).toEqual({
      files: [
        'base/1/99',
        'base/5/1',
        'base/5/deep/2',
        'log/a',
        'pg_wal/1',
        'pg_wal/archive_status/1.done',
        'postgresql.conf.origin',
        'recovery.signal',
      ],
      directories: ['pg_wal/archive_status', 'log', 'base/5/deep', 'base/5'],
    });
  });

  it('loses links and what has changed its kind, and follows nothing', () => {
    const present = listing(
      ['base', 'base/1', 'base/1/16384'],
      ['base/1/16384/x', 'pg_wal'],
      ['base/link', 'PG_VERSION'],
    );
    expect(chooseObsolete(present, '/d', what)).toEqual({
      files: ['PG_VERSION', 'base/1/16384/x', 'base/link', 'pg_wal'],
      directories: ['base/1/16384'],
    });
  });

  it('does not enter a tablespace inside of it', () => {
    const keep = new Set(['/d/pg_spaces/one']);
    const present = listing(['pg_spaces', 'pg_spaces/one', 'pg_spaces/two'], ['pg_spaces/one/x', 'pg_spaces/two/x']);
    expect(chooseObsolete(present, '/d', { ...what, keep })).toEqual({
      files: ['pg_spaces/two/x'],
      directories: ['pg_spaces/two'],
    });
  });

  it('takes names as bytes, line breaks included', () => {
    const odd = 'base/1/a\nb \xff';
    expect(chooseObsolete(listing(['base', 'base/1'], [odd]), '/d', what)).toEqual({ files: [odd], directories: [] });
  });
});

it('a tablespace holds nothing of its own', () => {
  const what = { tree: treeOf('PG_18_1/', 'PG_18_1/5/', 'PG_18_1/5/1'), isCluster: false, keep: new Set<string>() };
  const present = listing(['PG_18_1', 'PG_18_1/5', 'PG_17_1'], ['PG_18_1/5/1', 'PG_18_1/5/2', 'PG_17_1/x']);
  expect(chooseObsolete(present, '/t', what)).toEqual({
    files: ['PG_17_1/x', 'PG_18_1/5/2'],
    directories: ['PG_17_1'],
  });
});
