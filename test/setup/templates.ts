/** One folder of template clusters for a run of the tests, see test/support/template-cluster.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TEMPLATES } from '../support/template-cluster.ts';

let folder: string | undefined;

export function setup(): void {
  if (process.env[TEMPLATES] !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'barman-templates-'));
  process.env[TEMPLATES] = folder;
}

export function teardown(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
}
