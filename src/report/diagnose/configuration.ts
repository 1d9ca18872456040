/**
 * The configuration as `diagnose` shows it: every value in force, with its file when that is asked for.
 * Source: docs/behaviour/check.md 6.
 */
import type { Config } from '../../config/load.ts';
import { type Option, OPTION_NAMES, type OptionName, OPTIONS, optionValue, OWN_OPTIONS } from '../../config/options.ts';
import { consumeSection } from '../../config/sections.ts';
import type { Model } from '../../config/server-config.ts';
import type { Json, JsonObject } from '../../output/output.ts';
import { optionJson } from '../../config/option-json.ts';
import { withoutSecret } from '../../domain/redaction.ts';
import type { ServerScope } from '../../server/scope.ts';

/** Wraps a value in its source, or leaves it as it is. `sections` are looked at in order. */
export type Present = (value: Json, key: string, sections: readonly string[]) => Json;

export function presenter(config: Config, withSource: boolean): Present {
  if (!withSource) return (value) => value;
  return (value, key, sections) => {
    const sources = [...sections, 'barman'].map((section) => config.sourceOf(section, key));
    return { source: sources.find((source) => source !== undefined) ?? 'default', value };
  };
}

const ROWS: Readonly<Record<OptionName, Option<unknown>>> = OPTIONS;

export function globalConfiguration(config: Config, present: Present): JsonObject {
  const { barmanLockDirectory, configChangesQueue, lockDirectoryCleanup } = config.global;
  const texts = [...consumeSection(config.sections, 'barman')].map(([key, text]) => [key, withoutSecret(key, text)]);
  const values: Record<string, Json> = {
    ...(Object.fromEntries(texts) as Record<string, string>),
    barman_lock_directory: barmanLockDirectory,
    config_changes_queue: configChangesQueue,
    lock_directory_cleanup: lockDirectoryCleanup,
  };
  return { ...presentAll(values, present, []), errors_list: config.conflicts };
}

export function serverConfiguration({ name, config, problems }: ServerScope, present: Present): JsonObject {
  const known = OPTION_NAMES.filter((key) => !OWN_OPTIONS.has(key) || optionValue(config, key) !== null);
  const values: Record<string, Json> = Object.fromEntries(
    known.map((key) => [key, optionJson(key, optionValue(config, key))]),
  );
  const active = config.activeModel;
  return presentAll(
    { ...values, disabled: problems.length > 0, name },
    present,
    active === null ? [name] : [active, name],
  );
}

export function modelConfiguration({ name, values }: Model, present: Present): JsonObject {
  const known = OPTION_NAMES.filter((key) => ROWS[key].scopes.includes('M') && !OWN_OPTIONS.has(key));
  const shown = Object.fromEntries(known.map((key) => [key, optionJson(key, values.get(key))]));
  return presentAll({ ...shown, model: true }, present, [name]);
}

function presentAll(values: Readonly<Record<string, Json>>, present: Present, sections: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, present(value, key, sections)]));
}
