/**
 * Configuration files -> Config, in two steps because the user switch and the log come between them: readMainFile, then
 * loadConfig. Source: docs/behaviour/config.md 1, 2, 4 and 10.
 */
import { accessSync, constants, readFileSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { ConfigError, errnoOf } from '../domain/errors.ts';
import { FatalConfigError } from './fatal.ts';
import { globalConfig, globalWarnings } from './global-config.ts';
import { type IniFile, parseIni } from './ini.ts';
import type { GlobalConfig, LogMessage, OptionName, ServerConfig } from './options.ts';
import type { Origin } from './origin.ts';
import { bool } from './parsers.ts';
import { findPathConflicts } from './path-conflicts.ts';
import { changesSection, consumeSection, mergeSections, type Sections } from './sections.ts';
import {
  activeModelName,
  draftServer,
  finishServer,
  type Model,
  readModel,
  type ServerDraft,
} from './server-config.ts';
import { decodeUtf8 } from './utf8.ts';

export interface MainFile {
  readonly path: string;
  readonly home: string;
  readonly global: GlobalConfig;
  readonly sections: Sections;
}

/** Everything the files say. */
export interface Config {
  /** The main file, as it was given. */
  readonly path: string;
  readonly global: GlobalConfig;
  /** By name, in name order. @throws ConfigError when a section cannot be used, as do the next two */
  readonly servers: ReadonlyMap<string, ServerConfig>;
  readonly models: ReadonlyMap<string, Model>;
  /** Directories shared by two servers: nothing may run. */
  readonly conflicts: readonly string[];
  /** To be printed as WARNING. */
  readonly warnings: readonly string[];
  /** To be printed as ERROR; the command goes on and ends with 1. */
  readonly errors: readonly string[];
  /** For the log only. */
  readonly logMessages: readonly LogMessage[];
  /** Every section with raw texts and their files. */
  readonly sections: Sections;
  /** The file that set this option in this very section; undefined when none did. */
  sourceOf(section: string, key: string): string | undefined;
}

export interface MainFileOptions {
  /** `-c`. */
  readonly path?: string;
  readonly env: NodeJS.ProcessEnv;
  /** Home of the user who started the program; $HOME when not given. */
  readonly home?: string;
}

const DEFAULT_LOCATIONS = ['~/.barman.conf', '/etc/barman.conf', '/etc/barman/barman.conf'];

/**
 * Finds and reads the main file: `-c`, else $BARMAN_CONFIG_FILE, else the first readable of the default locations.
 * @throws FatalConfigError when there is none; ConfigError (level exception) when it cannot be parsed
 */
export function readMainFile(options: MainFileOptions): MainFile {
  const home = options.home ?? options.env.HOME ?? homedir();
  const path = options.path || options.env.BARMAN_CONFIG_FILE || defaultLocation(home);
  // The tilde is expanded after this test, as ever: a quoted '~/x.conf' is a missing file.
  if (!kindOf(path)) {
    throw new FatalConfigError(`Configuration file '${path}' does not exist`);
  }
  const sections = mergeSections(new Map(), parseIni(readText(path), path), path);
  if (!sections.has('barman')) throw new ConfigError("No section: 'barman'", { level: 'exception' });
  return { path, home, global: globalConfig(consumeSection(sections, 'barman')), sections };
}

function defaultLocation(home: string): string {
  const found = DEFAULT_LOCATIONS.map((path) => expandHome(path, home)).find(isReadable);
  if (found !== undefined) return found;
  throw new FatalConfigError(
    "Could not find any configuration file at default locations.\nCheck Barman's documentation for more help.",
  );
}

function expandHome(path: string, home: string): string {
  return path === '~' || path.startsWith('~/') ? home + path.slice(1) : path;
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** undefined: not there, or behind a directory that this user may not enter. */
function kindOf(path: string): 'file' | 'directory' | 'other' | undefined {
  try {
    const found = statSync(path);
    return found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
  } catch {
    return undefined;
  }
}

function readText(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === 'EISDIR')
      throw new ConfigError("No section: 'barman'", { level: 'exception', cause: error });
    throw new FatalConfigError(`Configuration file '${path}' cannot be read: ${errnoOf(error) ?? 'I/O error'}`, {
      cause: error,
      hint: `ls -l '${path}'`,
    });
  }
  return decodeUtf8(bytes, path);
}

/**
 * Adds the included files and makes servers and models of the sections. A section that cannot be used is an error for
 * those who ask for servers only: `servers`, `models` and `conflicts` throw it then.
 * @throws ConfigError without barman_home or for a bad file; FatalConfigError for a forbidden include
 */
export function loadConfig(main: MainFile): Config {
  if (main.global.barmanHome === '') {
    throw new ConfigError(
      'Parameter "barman_home" is required in [barman] section.\n' +
        'Your configuration is missing required parameters. Exiting.',
    );
  }
  const notes = new Notes();
  const sections = withIncludes(main, notes);
  const globalTexts = consumeSection(sections, 'barman');
  notes.warnings.push(...globalWarnings(globalTexts));
  const read = attempt(() => readSections(sections, main.global.barmanHome, globalTexts, notes));
  return {
    path: main.path,
    global: main.global,
    get servers() {
      return read().servers;
    },
    get models() {
      return read().models;
    },
    get conflicts() {
      return read().conflicts;
    },
    warnings: notes.warnings,
    errors: notes.errors,
    logMessages: notes.log,
    sections,
    sourceOf: (section, key) => sections.get(section)?.get(key)?.origin.file,
  };
}

/** Runs `body` now; what it threw is thrown at each look at its result. */
function attempt<T>(body: () => T): () => T {
  try {
    const value = body();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function readSections(
  sections: Sections,
  home: string,
  globalTexts: ReadonlyMap<string, string>,
  notes: Notes,
): Pick<Config, 'servers' | 'models' | 'conflicts'> {
  const drafts: ServerDraft[] = [];
  const models = new Map<string, Model>();
  const warn = (text: string) => notes.warnings.push(text);
  for (const name of sections.keys()) {
    if (name === 'barman') continue;
    if (name === 'all') {
      throw new FatalConfigError("FATAL: the reserved word 'all' is not allowed as server name.Please rename it.");
    }
    const texts = consumeSection(sections, name);
    if (isModel(texts.get('model'), name)) models.set(name, readModel(name, texts, warn));
    else drafts.push(draftServer(name, texts, { home, texts: globalTexts }, warn));
  }
  const originIn: OriginIn = (section, option) => sections.get(section)?.get(option)?.origin;
  drafts.sort((left, right) => Buffer.compare(Buffer.from(left.name), Buffer.from(right.name)));
  const conflicts = findPathConflicts(drafts);
  const servers = new Map<string, ServerConfig>();
  for (const draft of drafts) {
    servers.set(draft.name, withActiveModel(draft, models, conflicts.within.get(draft.name) ?? [], notes, originIn));
  }
  return { servers, models, conflicts: conflicts.between };
}

class Notes {
  readonly warnings: string[] = [];
  readonly errors: string[] = [];
  readonly log: LogMessage[] = [];

  record(level: LogMessage['level'], text: string): void {
    this.log.push({ level, logger: 'barman.config', text });
  }
}

function isModel(text: string | undefined, section: string): boolean {
  if (text === undefined) return false;
  try {
    return bool(text, { key: 'model', section }) ?? false;
  } catch (cause) {
    throw new ConfigError((cause as Error).message, { level: 'exception', cause });
  }
}

type OriginIn = (section: string, option: OptionName) => Origin | undefined;

function withActiveModel(
  draft: ServerDraft,
  models: ReadonlyMap<string, Model>,
  problems: readonly string[],
  notes: Notes,
  originIn: OriginIn,
): ServerConfig {
  const name = activeModelName(draft);
  if (name === undefined) return finishServer(draft, null, problems, originIn);
  const model = models.get(name);
  if (!model) {
    const missing = `Model '${name}' is set as the active model for the server '${draft.name}' but the model does not exist.`;
    return finishServer(draft, null, [...problems, missing], originIn);
  }
  const cluster = draft.values.get('cluster');
  if (model.cluster !== cluster) {
    notes.errors.push(
      `Model '${name}' has 'cluster=${model.cluster}', which is not compatible with 'cluster=${String(cluster)}' from server '${draft.name}'`,
    );
    return finishServer(draft, null, problems, originIn);
  }
  notes.record('debug', `Applying model '${name}' to server '${draft.name}'`);
  return finishServer(draft, model, problems, originIn);
}

function withIncludes(main: MainFile, notes: Notes): Sections {
  let sections = main.sections;
  for (const path of includedFiles(main, notes)) {
    const file = readInclude(path, notes);
    if (!file) continue;
    if (changesSection(sections, file, 'barman')) {
      throw new FatalConfigError(
        `FATAL: the configuration file ${basename(path)} contains a not empty [barman] section`,
      );
    }
    sections = mergeSections(sections, file, path);
  }
  return sections;
}

function includedFiles(main: MainFile, notes: Notes): string[] {
  const automatic = join(main.global.barmanHome, '.barman.auto.conf');
  const last = kindOf(automatic) ? [automatic] : [];
  const configured = main.global.configurationFilesDirectory;
  if (configured === null) return last;
  const directory = expandHome(configured, main.home);
  if (kindOf(directory) !== 'directory') {
    const text = `Ignoring the "configuration_files_directory" option as "${directory}" is not a directory`;
    notes.record('warning', text);
    return last;
  }
  const names = readdirSync(directory).filter((name) => name.endsWith('.conf') && !name.startsWith('.'));
  names.sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
  return [...names.map((name) => join(directory, name)), ...last];
}

/** undefined for what is no readable file: it is said, and the others are read. */
function readInclude(path: string, notes: Notes): IniFile | undefined {
  const kind = kindOf(path);
  if (kind !== 'file') {
    const reason = kind ? 'not a file' : 'not found';
    notes.record('warning', `Discarding configuration file: ${basename(path)} (${reason})`);
    return undefined;
  }
  notes.record('debug', `Including configuration file: ${basename(path)}`);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    // compat 3.20.1 says nothing, and the servers of this file are silently gone.
    notes.warnings.push(`Discarding configuration file: ${path} (cannot be read: ${errnoOf(error) ?? 'I/O error'})`);
    return undefined;
  }
  return parseIni(decodeUtf8(bytes, path), path);
}
