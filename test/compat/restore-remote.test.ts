/** `barman restore --remote-ssh-command` of both programs from one catalog through one sshd: same words, same trees. */
import { execFile } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalName } from '../../src/restore/canonical-name.ts';
import { temporaryFolder } from '../support/cluster.ts';
import { type RsyncServer, startRsyncServer } from '../support/rsync-server.ts';
import { type ProgramResult, referenceFolder } from '../support/sandbox.ts';

const exec = promisify(execFile);

/** Barman logs in for every command: on a busy machine a restore takes minutes. */
const PATIENCE = { timeout: 600_000 };

describe.skipIf(referenceFolder === undefined)(
  'remote restore beside Barman 3.20.1 (needs BARMAN_REFERENCE)',
  PATIENCE,
  () => {
    let server: RsyncServer;
    let place: string;
    let umask: number;

    beforeAll(async () => {
      umask = process.umask(0o077);
      server = await startRsyncServer();
      place = await temporaryFolder('compat-remote');
      expect(await server.box.barman(['backup', '--wait', 'pg'])).toMatchObject({ code: 0 });
      for (const name of ['one', 'two']) {
        await server.cluster.sql(`CREATE TABLE ${name} AS SELECT 1; SELECT pg_switch_wal()`);
      }
      await server.box.reference(['archive-wal', 'pg']);
    });
    afterAll(async () => {
      process.umask(umask);
      await server?.dispose();
      await rm(place, { recursive: true, force: true });
    });

    function clean({ code, stdout, stderr }: ProgramResult): ProgramResult {
      return { code, stdout: stdout.replace(/start time: [^,]*, elapsed time: [^)]*\)/g, 'CLOCK)'), stderr };
    }
    async function tree(): Promise<string> {
      const names = await exec('find', ['.', '-printf', '%y %m %p -> %l\n'], { cwd: place });
      const find = "find . -type f ! -path './d/postgresql.auto.conf' -print0 | sort -z | xargs -0 -r sha256sum";
      const sums = await exec('sh', ['-c', find], { cwd: place, maxBuffer: 1e8 });
      // Where the resolver calls this host localhost, Barman tells the other host to ask itself.
      const settings = await readFile(join(place, 'd', 'postgresql.auto.conf'), 'utf8');
      return (
        names.stdout.split('\n').sort().join('\n') +
        sums.stdout +
        settings.replace(/(?<= )localhost(?= pg %f)/, await canonicalName())
      );
    }

    it.each([
      ['to the end', []],
      ['to a time', ['--target-time', '2040-01-01 00:00:00+00:00', '--network-compression']],
      ['as a standby by get-wal', ['--get-wal', '--standby-mode', '--recovery-option-port', '2222', '-j', '2']],
    ])('%s', async (_, options) => {
      const args = [
        'restore',
        'pg',
        'latest',
        `${place}/d`,
        '--tablespace',
        `near:${place}/near`,
        '--tablespace',
        `far:${place}/far`,
        '--remote-ssh-command',
        `${server.sshd.sshCommand} target`,
        ...options,
      ];
      const runs: { result: ProgramResult; tree: string }[] = [];
      for (const program of [server.box.reference, server.box.barman]) {
        for (const name of await readdir(place)) await rm(join(place, name), { recursive: true, force: true });
        const result = clean(await program(args));
        runs.push({ result, tree: await tree() });
      }
      const [theirs, ours] = runs;
      expect(theirs?.result).toMatchObject({ code: 0 });
      expect(ours?.result).toEqual(theirs?.result);
      expect(ours?.tree).toBe(theirs?.tree);
    });

    it('over an earlier restore, with --delta-restore', async () => {
      const args = [
        'restore',
        'pg',
        'latest',
        `${place}/d`,
        '--remote-ssh-command',
        `${server.sshd.sshCommand} target`,
      ];
      for (const name of ['near', 'far']) args.push('--tablespace', `${name}:${place}/${name}`);
      // One restore and what has become of it, given to both.
      for (const name of await readdir(place)) await rm(join(place, name), { recursive: true, force: true });
      expect(await server.box.barman(args)).toMatchObject({ code: 0 });
      await writeFile(join(place, 'd', 'base', '999999'), 'unknown');
      await writeFile(join(place, 'd', 'global', 'pg_filenode.map'), 'short');
      await writeFile(join(place, 'd', 'recovery.signal'), '');
      await rm(join(place, 'd', 'base', '1'), { recursive: true });
      const used = await temporaryFolder('compat-used');
      await exec('cp', ['-a', `${place}/.`, used]);
      const runs: { result: ProgramResult; tree: string }[] = [];
      for (const program of [server.box.reference, server.box.barman]) {
        for (const name of await readdir(place)) await rm(join(place, name), { recursive: true, force: true });
        await exec('cp', ['-a', `${used}/.`, place]);
        const result = clean(await program([...args, '--delta-restore']));
        runs.push({ result, tree: await tree() });
      }
      await rm(used, { recursive: true, force: true });
      const [theirs, ours] = runs;
      expect(theirs?.result).toMatchObject({ code: 0 });
      expect(ours?.result).toEqual(theirs?.result);
      expect(ours?.tree).toBe(theirs?.tree);
    });
  },
);
