/**
 * Cron's care for receive-wal: whether it must be started; stop it where it has no business.
 * Source: docs/behaviour/wal.md 6.
 */
import { existsSync } from 'node:fs';
import { run } from '../host/process/run.ts';
import { reasonOf } from '../host/process/failure.ts';
import { startInBackground } from '../host/self.ts';
import type { ServerScope } from '../server/scope.ts';
import { holderOf } from '../server/locks.ts';

/** Present while systemd is the init system: sd_booted(3). */
const SYSTEMD = '/run/systemd/system';
/** A name that needs no escaping inside a unit name. */
const UNIT_SAFE = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/**
 * True when receive-wal must be started in the background: nobody holds its lock, and there is no systemd unit that has just
 * been started to do it. Says what is started.
 */
export async function needsReceiver(scope: ServerScope): Promise<boolean> {
  if (await isReceiving(scope)) return false;
  if (await startUnit(scope)) return false;
  scope.output.info(`Starting streaming archiver for server ${scope.name}`);
  return true;
}

/** Stops a running receive-wal, announcing it with `reason` when one is given. Silent when none runs. */
export async function stopReceiver(scope: ServerScope, reason?: string): Promise<void> {
  if (!(await isReceiving(scope))) return;
  if (reason !== undefined) scope.output.info(reason);
  const { terminateProcess } = await import('./processes.ts');
  await terminateProcess(scope, 'receive-wal');
}

/** After a change of configuration: ends receive-wal where it runs and starts it where the WAL is streamed. */
export async function restartReceiver(scope: ServerScope, streams: boolean): Promise<void> {
  await stopReceiver(scope);
  if (streams) await startReceiver(scope);
}

/** Starts it in the background unless it runs, without waiting for the next cron. */
export async function startReceiver(scope: ServerScope): Promise<void> {
  if (await needsReceiver(scope)) await startInBackground(scope, ['receive-wal', scope.name]);
}

async function isReceiving(scope: ServerScope): Promise<boolean> {
  return (await holderOf(scope, 'receive')) !== undefined;
}

/** True when systemd has taken it over. A unit that does not exist or does not start is no failure: we do it ourselves. */
async function startUnit(scope: ServerScope): Promise<boolean> {
  if (!UNIT_SAFE.test(scope.name) || !existsSync(SYSTEMD)) return false;
  const unit = `barman-receive-wal@${scope.name}.service`;
  scope.output.info(`Starting streaming archiver for server ${scope.name} via systemd unit ${unit}`);
  const result = await run('systemctl', ['--no-ask-password', 'start', unit], { env: scope.env }).catch(
    () => undefined,
  );
  if (result?.code === 0) return true;
  scope.log
    .named('barman.server')
    .warning(`systemd did not start ${unit}: ${result ? reasonOf(result) : 'systemctl is missing'}`);
  return false;
}
