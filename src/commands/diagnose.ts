/**
 * `barman diagnose`: everything that somebody who helps from afar has to know, in one JSON document.
 * Source: docs/behaviour/cli.md 4.12.
 */
import { localExecutor } from '../host/executor/local.ts';
import { withoutSecret } from '../domain/redaction.ts';
import { isoTimestamp, timestampOf } from '../domain/time/timestamp.ts';
import { COMPATIBLE_VERSION } from '../domain/version.ts';
import type { CommandContext } from '../server/context.ts';
import { globalConfiguration, modelConfiguration, presenter } from '../report/diagnose/configuration.ts';
import { describeServer } from '../report/diagnose/server.ts';
import { askSystem } from '../report/diagnose/system-info.ts';
import { eachServer } from '../server/each.ts';
import { allServers } from '../server/select.ts';
import { JsonFloat } from '../output/json-float.ts';
import { jsonText } from '../output/json-text.ts';
import type { Json, JsonObject } from '../output/output.ts';
import { documentResult } from '../output/results/document.ts';

export interface DiagnoseOptions {
  readonly showConfigSource?: boolean;
}

/** Servers in any state are told, and directories that two of them share stop nothing. */
export async function run(ctx: CommandContext, options: DiagnoseOptions): Promise<void> {
  const { configuration: config } = ctx;
  const present = presenter(config, options.showConfigSource === true);
  const servers = allServers(ctx);
  const system = askSystem(localExecutor(ctx.env), ctx.signal);
  const described = new Map<string, JsonObject>();
  await eachServer(ctx, servers, async (scope) => {
    described.set(scope.name, await describeServer(scope, present));
  });
  const models = [...config.models.values()].map((model) => [
    model.name,
    { config: modelConfiguration(model, present) },
  ]);
  const document: Json = {
    global: {
      config: globalConfiguration(config, present),
      system_info: {
        ...(await system),
        barman_ver: COMPATIBLE_VERSION,
        timestamp: isoTimestamp(timestampOf(ctx.now())),
      },
    },
    models: Object.fromEntries(models) as JsonObject,
    servers: Object.fromEntries(described),
  };
  ctx.output.result(documentResult(jsonText(shown('', document), 4)));
}

/** Whatever a value is: settings of PostgreSQL and messages of errors hold passwords too. */
function shown(name: string, value: Json): Json {
  if (typeof value === 'string') return withoutSecret(name, value);
  if (typeof value !== 'object' || value === null || value instanceof JsonFloat) return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map((one) => shown(name, one));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(key, inner)]));
}
