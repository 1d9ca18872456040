/**
 * The body of a read-only command over several servers: a few at a time, printed in name order, and the failure of one
 * leaves the others alone.
 */
import type { ServerInForce } from '../config/in-force.ts';
import { BarmanError, messageOf, withHint } from '../domain/errors.ts';
import { inParallel } from '../domain/in-parallel.ts';
import type { Output } from '../output/output.ts';
import { takeTurns } from '../output/ordered.ts';
import type { CommandContext } from './context.ts';
import type { OpenOptions, ServerScope } from './scope.ts';

/** How many servers are asked at once: each may hold two connections and two child processes. */
const AT_ONCE = 4;

/**
 * Opens every server first, so that all their warnings come before the first result (as Barman constructs them), then
 * runs `body` on each. `configs` are in name order.
 */
export async function eachServer(
  ctx: CommandContext,
  configs: readonly ServerInForce[],
  body: (scope: ServerScope) => Promise<void>,
  options: OpenOptions = {},
): Promise<void> {
  const { openServer } = await import('./open.ts');
  const servers: ServerScope[] = [];
  try {
    await inTurns(ctx, configs, async (turnCtx, config) => {
      servers.push(await openServer(turnCtx, config, options));
    });
    await inTurns(ctx, order(servers, configs), async ({ output }, scope) => {
      await body({ ...scope, output });
      await scope.close();
    });
  } finally {
    await Promise.all(servers.map((scope) => scope.close()));
  }
}

/** By position in `configs`: openServer may hand back a changed copy of the configuration, so the name decides. */
function order(servers: readonly ServerScope[], configs: readonly ServerInForce[]): ServerScope[] {
  const positions = new Map(configs.map(({ name }, index) => [name, index]));
  return [...servers].sort((left, right) => (positions.get(left.name) ?? 0) - (positions.get(right.name) ?? 0));
}

async function inTurns<Item>(
  ctx: CommandContext,
  items: readonly Item[],
  work: (ctx: CommandContext, item: Item) => Promise<void>,
): Promise<void> {
  const turns = takeTurns(ctx.output, items.length);
  await inParallel([...turns.entries()], AT_ONCE, async ([index, turn]) => {
    try {
      await work({ ...ctx, output: turn.output }, items[index] as Item);
    } catch (error) {
      reportFailure(turn.output, error);
    } finally {
      turn.done();
    }
  });
}

/** Reports what ended the work on one server; the others go on. */
export function reportFailure(output: Output, error: unknown): void {
  if (error instanceof BarmanError && error.level === 'error') {
    output.error(withHint(error.message, error.hint), { exitCode: error.exitCode });
    return;
  }
  const stack = error instanceof Error ? error.stack : undefined;
  output.exception(`${messageOf(error)}\nSee log file for more details.`, stack);
}
