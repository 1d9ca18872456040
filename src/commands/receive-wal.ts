/**
 * `barman receive-wal SERVER`: the streaming archiver in the foreground, and the care of its slot.
 * Source: docs/behaviour/cli.md 4.25.
 */
import type { CommandContext } from '../server/context.ts';
import { selectServer } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { withServer } from '../server/with-server.ts';
import { useWalConninfo } from '../server/wal-conninfo.ts';
import { stateOf } from '../domain/server-role.ts';

export interface ReceiveWalOptions {
  readonly serverName: string;
  readonly stop?: boolean;
  readonly reset?: boolean;
  readonly createSlot?: boolean;
  readonly ifNotExists?: boolean;
  readonly dropSlot?: boolean;
  readonly test?: boolean;
}

export async function run(ctx: CommandContext, options: ReceiveWalOptions): Promise<void> {
  const streams = !options.stop && !options.reset && !options.createSlot && !options.dropSlot;
  const admission = streams ? 'working' : 'sound';
  const selected = await selectServer(ctx, options.serverName, admission);
  if (selected === undefined) return;
  if (options.stop && options.reset) {
    ctx.output.error('--stop and --reset options are not compatible');
    return;
  }
  if (options.stop) {
    const { terminateProcess } = await import('../maintenance/processes.ts');
    ctx.output.warning(
      `--stop is deprecated and will be removed in a future release. Use 'barman terminate-process ${selected.name} receive-wal' instead.`,
    );
    await withServer(ctx, selected, (scope) => terminateProcess(scope, 'receive-wal'), { offline: true });
    return;
  }
  const { server, note } = useWalConninfo(selected);
  if (note !== null) ctx.output.info(note);
  await withServer(ctx, server, async (scope) => {
    if (options.test) await tell(scope);
    else if (options.createSlot || options.dropSlot) {
      const { createSlot, dropSlot } = await import('../wal/receive/slot.ts');
      if (options.createSlot) await createSlot(scope, { ifNotExists: options.ifNotExists === true });
      else await dropSlot(scope);
    } else if (await mayStream(scope)) {
      await (options.reset ? reset(scope) : receive(scope));
    }
  });
}

async function mayStream(scope: ServerScope): Promise<boolean> {
  const checks = await import('../checks/may-stream.ts');
  return checks.mayStream(scope);
}

async function reset(scope: ServerScope): Promise<void> {
  const { resetReceiver } = await import('../wal/receive/reset-receiver.ts');
  if (!(await resetReceiver(scope))) return;
  const { startReceiver } = await import('../maintenance/receiver.ts');
  await startReceiver(scope);
}

async function receive(scope: ServerScope): Promise<void> {
  const { receiveWal } = await import('../wal/receive/receive.ts');
  await receiveWal(scope);
}

/** Tries what streaming needs and receives nothing. A failure sets the exit code, as in `check`. */
async function tell(scope: ServerScope): Promise<void> {
  const { receiverChecks } = await import('../checks/run.ts');
  const { checkHeader, checkLine } = await import('../output/results/check.ts');
  const checked = { name: scope.name, state: stateOf({ isActive: true }, scope.problems) };
  scope.output.result(checkHeader(checked));
  await receiverChecks(scope, {
    onResult: (result) => scope.output.result(checkLine(checked, result)),
    timeoutSeconds: scope.config.checkTimeout,
  });
}
