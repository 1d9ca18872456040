/**
 * What `config-update` is asked for: JSON of outside -> changes that may be queued. Nothing of a document with a fault is
 * applied. Source: docs/behaviour/config.md 11.
 */
import { resolve } from 'node:path';
import * as z from 'zod/mini';
import type { Config } from '../../config/load.ts';
import { type Option, type OptionName, OPTIONS } from '../../config/options.ts';
import { ConfigError, messageOf } from '../../domain/errors.ts';
import { pythonText } from '../../output/python-text.ts';
import { withoutSecret } from '../../domain/redaction.ts';
import { automaticFile, type ChangeSet, valueProblem } from './change.ts';

/** Why a section of the document is refused, in the reference's two lines. */
export class SectionRefused extends Error {
  readonly section: string;
  constructor(reason: string, section: Record<string, unknown>) {
    super(reason);
    this.section = shown(section);
  }
}

type Scope = 'server' | 'model';
type Section = Readonly<Record<string, unknown>>;

const REQUEST = z.array(z.record(z.string(), z.unknown()));
const NOTHING = z.strictObject({});

/** A readonly view: the rows differ in type. */
const ROWS: Readonly<Record<string, Option<unknown>>> = OPTIONS;

/**
 * Reads and judges the whole document.
 * @throws ConfigError when it is no JSON list of objects; SectionRefused for the first section that cannot be applied
 */
export function readRequest(text: string, config: Config): readonly ChangeSet[] {
  return parseList(text).map((section) => readSection(section, config));
}

function parseList(text: string): readonly Section[] {
  const hint = 'type e.g. barman config-update \'[{"scope": "server", "server_name": "main", "parallel_jobs": "2"}]\'';
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`config-update cannot read its argument as JSON: ${messageOf(cause)}`, { cause, hint });
  }
  // compat 3.20.1: the empty object is an empty list.
  if (NOTHING.safeParse(document).success) return [];
  if (!REQUEST.safeParse(document).success) {
    throw new ConfigError('config-update takes a JSON list of objects', { hint });
  }
  // The document itself: what zod makes of it lacks a key named `__proto__`, which is to be refused by name.
  return document as readonly Section[];
}

function readSection(section: Section, config: Config): ChangeSet {
  const invalid = (reason: string) => new SectionRefused(`Invalid section ${shown(section)}: ${reason}`, section);
  const scope = section.scope ?? null;
  if (scope !== 'server' && scope !== 'model') {
    throw invalid(`'scope' is invalid: '${pythonText(scope)}'. It should be either 'server' or 'model'.`);
  }
  const nameKey = `${scope}_name`;
  const name = section[nameKey] ?? null;
  if (name === null) throw invalid(`'${nameKey}' is missing.`);
  if (typeof name !== 'string') throw invalid(`'${nameKey}' is not a string.`);
  if (scope === 'server' && config.models.has(name)) throw invalid(`'${name}' is a model, not a server.`);
  if (scope === 'model' && config.servers.has(name)) throw invalid(`'${name}' is a server, not a model.`);
  const isNew = !config.servers.has(name) && !config.models.has(name);
  if (isNew && scope === 'model' && !Object.hasOwn(section, 'cluster')) {
    throw invalid("new model but 'cluster' is missing.");
  }
  const reason = isNew ? nameProblem(name) : null;
  if (reason !== null) throw invalid(`'${name}' cannot be the name of a ${scope}: ${reason}.`);
  const options = Object.entries(section).filter(([key]) => key !== 'scope' && key !== nameKey);
  if (isNew && scope === 'model') options.push(['model', 'on']);
  const changes = options.map(([key, value]) => {
    const text = readValue({ scope, name, key, value, section, config });
    return { key, value: text, configFile: fileOf(config, name, key) };
  });
  return { section: name, changes };
}

/** A name becomes a section header and, for a server, a directory. */
function nameProblem(name: string): string | null {
  if (['all', 'barman', 'DEFAULT'].includes(name)) return 'it is a reserved word';
  if (name.trim() !== name || name === '') return 'it is empty, or has blanks around it';
  if (/[\p{Cc}\p{Cs}[\]/]/u.test(name)) return 'it holds a bracket, a slash or a control character';
  return /^[.#;]/.test(name) ? `it begins with '${name.charAt(0)}'` : null;
}

interface Wish {
  readonly scope: Scope;
  readonly name: string;
  readonly key: string;
  readonly value: unknown;
  readonly section: Section;
  readonly config: Config;
}

function readValue({ scope, name, key, value, section, config }: Wish): string {
  if (scope === 'model' && key === 'model' && (value === 'on' || value === 'true')) return value;
  if (!isOption(scope, key)) throw new SectionRefused(`Invalid option '${key}' for ${scope} '${name}'`, section);
  try {
    if (typeof value !== 'string') throw new Error(`${pythonText(value)} is not a string: write "${String(value)}"`);
    const problem = valueProblem(config, name, key, value);
    if (problem !== null) throw new Error(problem);
    if (scope === 'model' && key === 'cluster' && value.trim() === '') throw new Error('a model needs a cluster');
    ROWS[key]?.parse(value, { key, section: name });
    return value;
  } catch (error) {
    throw new SectionRefused(`Validation failed for ${scope} '${name}': key '${key}' -> ${messageOf(error)}`, section);
  }
}

function isOption(scope: Scope, key: string): key is OptionName {
  return Object.hasOwn(ROWS, key) && (scope === 'server' || ROWS[key]?.scopes.includes('M') === true);
}

/** The file that says it now, for the section or for all; else the one that config-update keeps. */
function fileOf(config: Config, section: string, key: string): string {
  const source = config.sourceOf(section, key) ?? config.sourceOf('barman', key);
  return source === undefined ? automaticFile(config) : resolve(source);
}

function shown(section: Section): string {
  const entries = Object.entries(section).map(([key, value]) => [
    key,
    typeof value === 'string' ? withoutSecret(key, value) : value,
  ]);
  return pythonText(Object.fromEntries(entries));
}
