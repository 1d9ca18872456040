import { describe, expect, it } from 'vitest';
import { copyArgs, type CopyRequest, listArgs } from '../../../src/transfer/rsync.ts';

const signal = new AbortController().signal;
const REMOTE = { shell: "ssh 'h'", compress: true, bandwidth: 100 };
const LOCAL = { shell: null, compress: true, bandwidth: null };
const request: CopyRequest = {
  link: LOCAL,
  source: '/pg/',
  destination: '/b/data',
  listFile: '/b/.copy/data-safe-0.list',
  temporaryDirectory: '/b/.copy',
  reuse: { kind: 'link', directory: '/a/data' },
  checksum: true,
  optional: true,
  signal,
};

describe('rsync arguments', () => {
  it('of a listing', () => {
    expect(listArgs({ link: REMOTE, source: '/pg/', filters: ['--exclude=/x'], signal })).toEqual([
      '-e',
      "ssh 'h'",
      '-z',
      '--exclude=/x',
      '-rLpts',
      '--no-human-readable',
      '--list-only',
      ' :/pg/',
    ]);
  });

  it('of a list that builds on an earlier backup', () => {
    expect(copyArgs(true, request)).toEqual([
      '-Lpts',
      '--temp-dir=/b/.copy',
      '--modify-window=-1',
      '--link-dest=/a/data',
      '--ignore-missing-args',
      '--checksum',
      '--no-implied-dirs',
      '--from0',
      '--files-from=/b/.copy/data-safe-0.list',
      '/pg/',
      '/b/data',
    ]);
  });

  it('of one file that must be there', () => {
    const one = { ...request, link: REMOTE, listFile: null, reuse: null, checksum: false, optional: false };
    expect(copyArgs(false, { ...one, source: '/pg/c', destination: '/b/c' })).toEqual([
      '-e',
      "ssh 'h'",
      '-z',
      '--bwlimit=100',
      '-Lpts',
      '--temp-dir=/b/.copy',
      ' :/pg/c',
      '/b/c',
    ]);
  });

  it('never write into a file that is there', () => {
    expect(copyArgs(true, request)).not.toContain('--inplace');
  });
});
