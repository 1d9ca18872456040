/**
 * `barman show-servers`: configuration in force and what PostgreSQL says.
 * Source: docs/behaviour/check.md 5, cli.md 6.6.
 */
import { OPTION_NAMES, optionValue, OWN_OPTIONS, type ServerConfig } from '../config/options.ts';
import { isSound } from '../domain/backup/backup-flaw.ts';
import { lastEnd } from '../domain/backup/backup-order.ts';
import { humanDuration } from '../domain/time/duration.ts';
import { stateOf } from '../domain/server-role.ts';
import type { CommandContext } from '../server/context.ts';
import { eachServer } from '../server/each.ts';
import { spelledOption } from '../config/option-text.ts';
import { AS_TEXT, statusDocument } from '../report/status-document.ts';
import { selectServers } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { showServersResult } from '../output/results/show-servers.ts';

export interface ShowServersOptions {
  readonly serverNames: readonly string[];
}

export async function run(ctx: CommandContext, options: ShowServersOptions): Promise<void> {
  const servers = await selectServers(ctx, options.serverNames, 'every');
  await eachServer(ctx, servers, async (scope) => {
    const state = stateOf(scope.role, scope.problems);
    const values = {
      ...configured(scope.config),
      disabled: scope.problems.length > 0,
      name: scope.name,
      active_model: scope.config.activeModel,
      passive_node: scope.role.isPassive,
      last_backup_maximum_age: await maximumAge(scope),
    };
    const status = statusDocument(await scope.status(), AS_TEXT);
    scope.output.result(showServersResult({ name: scope.name, state, status, values }));
  });
}

function configured(config: ServerConfig): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const name of OPTION_NAMES) {
    const value = optionValue(config, name);
    if (!OWN_OPTIONS.has(name) || value !== null) values[name] = spelledOption(name, value);
  }
  return values;
}

/** The interval with the age of the newest backup; null when no maximum is set. */
async function maximumAge(scope: ServerScope): Promise<string | null> {
  const maximum = scope.config.lastBackupMaximumAge;
  if (maximum === null) return null;
  const { backups } = await scope.catalog.listBackups();
  const flaws = await scope.catalog.flaws();
  const { seconds } = lastEnd(
    backups.filter((info) => isSound(info, flaws)),
    scope.now(),
  );
  const age = seconds === null ? null : scope.now().getTime() / 1000 - seconds;
  if (age !== null && age <= maximum) return `${humanDuration(maximum)} (latest backup: ${humanDuration(age)} )`;
  const words = age === null ? 'No available backups' : humanDuration(age);
  return `${humanDuration(maximum)} (WARNING! latest backup is ${words} old)`;
}
