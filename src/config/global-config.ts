/** The `[barman]` section as a record. Source: docs/behaviour/config.md 5. */
import { ConfigError } from '../domain/errors.ts';
import { GLOBAL_NAMES, type GlobalConfig, OPTIONS } from './options.ts';
import { bool } from './parsers.ts';

/**
 * Reads the global options. `barmanHome` is '' when it is missing: that is an error only after the user and the log are set.
 * @throws ConfigError (level exception) for a lock_directory_cleanup that is no boolean
 */
export function globalConfig(values: ReadonlyMap<string, string>): GlobalConfig {
  const get = (name: string) => values.get(name) || null;
  const home = get('barman_home') ?? '';
  return {
    barmanHome: home,
    barmanUser: get('barman_user') ?? 'barman',
    barmanLockDirectory: get('barman_lock_directory') ?? home,
    lockDirectoryCleanup: cleanup(get('lock_directory_cleanup')),
    configChangesQueue: get('config_changes_queue') ?? `${home}/cfg_changes.queue`,
    configurationFilesDirectory: get('configuration_files_directory'),
    logFile: get('log_file'),
    logLevel: get('log_level') ?? 'INFO',
    logFormat: get('log_format'),
  };
}

function cleanup(text: string | null): boolean {
  if (text === null) return true;
  try {
    return bool(text, { key: 'lock_directory_cleanup', section: 'barman' }) ?? true;
  } catch (cause) {
    throw new ConfigError((cause as Error).message, { level: 'exception', cause });
  }
}

/** Names in `[barman]` that mean nothing, as warnings. */
export function globalWarnings(values: ReadonlyMap<string, string>): string[] {
  return [...values.keys()]
    .filter((name) => !GLOBAL_NAMES.includes(name) && !Object.hasOwn(OPTIONS, name))
    .map((name) => `Invalid configuration option "${name}" in [barman] section.`);
}
