/**
 * From sections to servers and models: own value, then [barman], then the default, then the active model.
 * Source: docs/behaviour/config.md 4, 6 and 10.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, errnoOf } from '../domain/errors.ts';
import { parseLocation } from '../domain/location.ts';
import { strip } from './ini.ts';
import { readLateOptions } from './late-options.ts';
import type { Origin } from './origin.ts';
import {
  type Option,
  OPTION_NAMES,
  optionKey,
  type OptionName,
  OPTIONS,
  type OptionValues,
  type ServerConfig,
} from './options.ts';

/** Values by option name before late reading; null for unset. */
type Values = Map<OptionName, unknown>;
type Texts = ReadonlyMap<string, string>;

/** A model: only the options it sets, read to the type of the first reading. */
export interface Model {
  readonly name: string;
  readonly cluster: string;
  readonly values: ReadonlyMap<OptionName, unknown>;
}

/** A server whose active model is not applied yet. */
export interface ServerDraft {
  readonly name: string;
  readonly values: ReadonlyMap<OptionName, unknown>;
}

export type Warn = (text: string) => void;

/** A readonly view: `as const` rows differ in type, the loops below treat them alike. */
const ROWS: Readonly<Record<OptionName, Option<unknown>>> = OPTIONS;

/** Reads a server section. Bad values and unknown names are warned about and passed over. */
export function draftServer(
  name: string,
  section: Texts,
  global: { readonly home: string; readonly texts: Texts },
  warn: Warn,
): ServerDraft {
  warnUnknown(name, section, (option) => Object.hasOwn(ROWS, option), warn);
  const values: Values = new Map();
  const computed = (key: string): unknown => {
    if (key === 'name') return name;
    return key === 'barman_home' ? global.home : values.get(key as OptionName);
  };
  for (const option of OPTION_NAMES) {
    const row = ROWS[option];
    let value: unknown = null;
    if (row.scopes.includes('S')) value = readText(option, section.get(option), name, warn);
    if (value === null && row.scopes.startsWith('G'))
      value = readText(option, global.texts.get(option), 'barman', warn);
    const fallback = typeof row.fallback === 'string' ? fill(row.fallback, computed) : row.fallback;
    if (value === null) value = fallback;
    else if (isBlank(value)) value = row.required ? fallback : null;
    values.set(option, value);
  }
  return { name, values };
}

/**
 * Reads a model section.
 * @throws ConfigError when it has no cluster
 */
export function readModel(name: string, section: Texts, warn: Warn): Model {
  const cluster = section.get('cluster');
  if (!cluster) {
    throw new ConfigError(
      `Parameter "cluster" is required in [${name}] section.\n` +
        'Your configuration is missing required parameters. Exiting.',
    );
  }
  const isAllowed = (option: string) =>
    option === 'model' || (Object.hasOwn(ROWS, option) && ROWS[option as OptionName].scopes.includes('M'));
  warnUnknown(name, section, isAllowed, warn);
  const values: Values = new Map();
  for (const option of OPTION_NAMES) {
    if (!isAllowed(option)) continue;
    const value = readText(option, section.get(option), name, warn);
    if (value !== null && !isBlank(value)) values.set(option, value);
  }
  return { name, cluster, values };
}

/** Ends the reading of a server: active model on top, late options, one record. */
export function finishServer(
  draft: ServerDraft,
  model: Model | null,
  problems: readonly string[],
  originIn: (section: string, option: OptionName) => Origin | undefined,
): ServerConfig {
  const values = model ? new Map([...draft.values, ...model.values]) : draft.values;
  const textOf = (option: string) => (values.get(option as OptionName) as string | null) ?? null;
  const late = readLateOptions(draft.name, textOf);
  const record: Record<string, unknown> = {};
  for (const [option, value] of values) record[optionKey(option)] = value;
  const place = (option: OptionName) => parseLocation(textOf(option) ?? '');
  return {
    ...(record as unknown as OptionValues),
    ...late.values,
    basebackupsDirectory: place('basebackups_directory'),
    walsDirectory: place('wals_directory'),
    xlogdbDirectory: place('xlogdb_directory'),
    disabled: problems.length > 0,
    name: draft.name,
    activeModel: model?.name ?? null,
    problems,
    originOf: (option) =>
      (model?.values.has(option) ? originIn(model.name, option) : undefined) ??
      originIn(draft.name, option) ??
      originIn('barman', option),
    logMessages: late.messages,
  };
}

/** The name that config-switch left in the server's directory; undefined for none. */
export function activeModelName(draft: ServerDraft): string | undefined {
  const path = join(String(draft.values.get('backup_directory')), '.active-model.auto');
  try {
    // Most servers have none, and a look is cheaper than a failed open.
    if (!statSync(path, { throwIfNoEntry: false })) return undefined;
    return strip(readFileSync(path, 'utf8')) || undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw new ConfigError(`cannot read the active model of server '${draft.name}': ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function warnUnknown(section: string, texts: Texts, isKnown: (option: string) => boolean, warn: Warn): void {
  for (const option of texts.keys()) {
    if (!isKnown(option)) warn(`Invalid configuration option "${option}" in [${section}] section.`);
  }
}

/** null: not there, or not readable (and that was said), or to be inherited. */
function readText(option: OptionName, text: string | undefined, section: string, warn: Warn): unknown {
  if (text === undefined) return null;
  try {
    return ROWS[option].parse(text, { key: option, section });
  } catch (error) {
    const reason = (error as Error).message;
    warn(`Ignoring invalid configuration value '${text}' for key ${option} in [${section}] section: ${reason}`);
    return null;
  }
}

/** An empty text, or a text that reads `None`, stands for no value. */
function isBlank(value: unknown): boolean {
  return value === '' || value === 'None';
}

/** Fills a default's `%(name)s`; null when a value it needs is not set. */
function fill(template: string, valueOf: (key: string) => unknown): string | null {
  if (!template.includes('%')) return template;
  let complete = true;
  const filled = template.replace(/%\((\w+)\)s/g, (_, key: string) => {
    const value = valueOf(key);
    if (value === null || value === undefined) complete = false;
    return String(value);
  });
  return complete ? filled : null;
}
