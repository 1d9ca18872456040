import { execFileSync } from 'node:child_process';
import { makeDirectoryStore } from '../../../support/directory-store.ts';
import { describeWalStore } from '../../../support/wal-store-conformance.ts';

describeWalStore('hash directories, a pipe among the files', () =>
  makeDirectoryStore((path) => execFileSync('mkfifo', [path])),
);
