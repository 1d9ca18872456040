/** Cron's care for receive-wal: whether it must be started; stop it where it has no business. Source: wal.md 6. */
import { existsSync } from 'node:fs';
import { lockHolder } from '../host/lock.ts';
import { run } from '../host/process.ts';
import { startInBackground } from '../host/self.ts';
import { serverLock } from '../catalog/layout.ts';
import type { CommandContext } from '../server/context.ts';
import type { Server } from '../server/server.ts';

/** Present while systemd is the init system: sd_booted(3). */
const SYSTEMD = '/run/systemd/system';
/** A name that needs no escaping inside a unit name. */
const UNIT_SAFE = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/**
 * True when receive-wal must be started in the background: nobody holds its lock, and there is no systemd unit that has just
 * been started to do it. Says what is started.
 */
export async function needsReceiver(ctx: CommandContext, server: Server): Promise<boolean> {
  if (await isReceiving(server)) return false;
  if (await startUnit(ctx, server)) return false;
  ctx.output.info(`Starting streaming archiver for server ${server.name}`);
  return true;
}

/** Stops a running receive-wal, announcing it with `reason` when one is given. Silent when none runs. */
export async function stopReceiver(ctx: CommandContext, server: Server, reason?: string): Promise<void> {
  if (!(await isReceiving(server))) return;
  if (reason !== undefined) ctx.output.info(reason);
  const { terminateProcess } = await import('./processes.ts');
  await terminateProcess(ctx, server, 'receive-wal');
}

/** After a change of configuration: ends receive-wal where it runs and starts it where the WAL is streamed. */
export async function restartReceiver(ctx: CommandContext, server: Server, streams: boolean): Promise<void> {
  await stopReceiver(ctx, server);
  if (streams && (await needsReceiver(ctx, server))) await startInBackground(ctx, ['receive-wal', server.name]);
}

async function isReceiving(server: Server): Promise<boolean> {
  return (await lockHolder(serverLock(server.catalog.layout, 'receive-wal'))) !== undefined;
}

/** True when systemd has taken it over. A unit that does not exist or does not start is no failure: we do it ourselves. */
async function startUnit(ctx: CommandContext, server: Server): Promise<boolean> {
  if (!UNIT_SAFE.test(server.name) || !existsSync(SYSTEMD)) return false;
  const unit = `barman-receive-wal@${server.name}.service`;
  ctx.output.info(`Starting streaming archiver for server ${server.name} via systemd unit ${unit}`);
  const result = await run('systemctl', ['--no-ask-password', 'start', unit], { env: ctx.env }).catch(() => undefined);
  if (result?.code === 0) return true;
  ctx.log
    .named('barman.server')
    .warning(`systemd did not start ${unit}: ${result?.stderr.trim() ?? 'systemctl is missing'}`);
  return false;
}
