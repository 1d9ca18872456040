/** The foreground scheduler: maintenance, scheduled backups, no overlap, a clean stop. */
import { readdir } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type ArchivingServer, type Running, startArchivingServer, startBarman } from '../support/archiving-server.ts';
import { eventually } from '../support/eventually.ts';

let server: ArchivingServer;
let daemon: Running | undefined;

beforeAll(async () => {
  server = await startArchivingServer();
});
afterEach(async () => {
  daemon?.child.kill('SIGTERM');
  await daemon?.end;
});
afterAll(async () => {
  await server?.dispose();
});

async function doneIds(): Promise<string[]> {
  const names = await readdir(server.path('meta')).catch(() => []);
  const done: string[] = [];
  for (const name of names.filter((text) => text.endsWith('-backup.info')).sort()) {
    const id = name.replace('-backup.info', '');
    const { status } = await server.record(id);
    if (status === 'DONE' || status === 'WAITING_FOR_WALS') done.push(id);
  }
  return done;
}

it('takes backups by schedule, never two at once, and stops on SIGTERM', async () => {
  // Every second, while a backup takes longer than that: the overlapping ones are skipped.
  await server.box.writeConfig(server.section('backup_schedule = * * * * * *\nbandwidth_limit = 8192'));
  daemon = startBarman(server.box, ['cron', '--daemon']);
  await eventually('two scheduled backups', async () => (await doneIds()).length >= 2, 60);
  await eventually('one was skipped', () => daemon?.stderr().includes("Skipped: backup of server 'pg'") === true, 10);
  expect(daemon.stdout()).toMatch(
    /^Scheduler started \(pid \d+\): maintenance every minute, Ctrl-C or SIGTERM to stop\n/,
  );
  expect(daemon.stdout()).toMatch(/^Server 'pg': backup at '\* \* \* \* \* \*', next .+$/m);
  expect(daemon.stderr()).not.toContain('Another backup process is running');
  daemon.child.kill('SIGTERM');
  expect(await daemon.end).toEqual({ code: 0, signal: null });
  expect(daemon.stdout()).toMatch(/Scheduler stopping\n[^]*Scheduler stopped\n$/);
  // Whatever was running has recorded how it ended.
  for (const name of (await readdir(server.path('meta'))).filter((text) => text.endsWith('-backup.info'))) {
    expect((await server.record(name.replace('-backup.info', ''))).status).toMatch(/^(DONE|WAITING_FOR_WALS|FAILED)$/);
  }
});

it('stops a running backup when it is told to stop', async () => {
  await server.box.writeConfig(server.section('backup_schedule = * * * * * *\nbandwidth_limit = 1024'));
  const before = await readdir(server.path('base'));
  daemon = startBarman(server.box, ['cron', '--daemon']);
  await eventually('a backup runs', async () => (await readdir(server.path('base'))).length > before.length, 30);
  const id = (await readdir(server.path('base'))).find((name) => !before.includes(name)) ?? '';
  await eventually('it copies', async () => (await server.record(id).catch(() => undefined))?.status === 'STARTED');
  daemon.child.kill('SIGINT');
  expect(await daemon.end).toEqual({ code: 0, signal: null });
  expect(await server.record(id)).toMatchObject({ status: 'FAILED', error: 'failure copying files (143)' });
});

it('runs alone, and names the server whose expression is wrong', async () => {
  await server.box.writeConfig(
    `${server.section('backup_schedule = 99 * * * *')}${server.section('active = false\nbackup_schedule = * * * * *', 'idle')}`,
  );
  daemon = startBarman(server.box, ['cron', '--daemon']);
  await eventually('it complains', () => daemon?.stderr().includes('\n') === true);
  expect(daemon.stderr()).toMatch(
    /^ERROR: server 'pg': backup_schedule '99 \* \* \* \*' is not a cron expression \(minute: .*\); it gets no scheduled backups\n$/,
  );
  const second = await server.box.barman(['cron', '--daemon']);
  expect(second).toEqual({
    code: 1,
    stdout: '',
    stderr: `ERROR: Another "barman cron --daemon" is already running: it holds '${server.box.home}/.cron.lock'\n`,
  });
  expect(daemon.stdout()).not.toContain('idle');
  daemon.child.kill('SIGTERM');
  expect((await daemon.end).code).toBe(1);
});
