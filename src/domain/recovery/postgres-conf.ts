/**
 * What a restore changes in the configuration files of the cluster, and what it points out. Pure: text in, text out.
 * Source: docs/behaviour/recovery.md 9.
 */

/** `[file, line, key, value]`; lines count from 0. */
export interface SettingNote {
  readonly file: string;
  readonly line: number;
  readonly key: string;
  /** null: the setting was taken out. */
  readonly value: string | null;
}

/** What a restore did to the configuration files, and what a person has to look at. */
export interface ConfigurationReport {
  readonly changes: readonly SettingNote[];
  readonly warnings: readonly SettingNote[];
  /** Files that the backup does not hold. */
  readonly missing: readonly string[];
}

/** Settings that would make the restored cluster write into the archive of the original, or stop at an old target. */
const MANGLED: ReadonlyMap<string, string | null> = new Map([
  ['archive_command', 'false'],
  ['recovery_target', null],
  ['recovery_target_name', null],
  ['recovery_target_time', null],
  ['recovery_target_xid', null],
  ['recovery_target_lsn', null],
  ['recovery_target_inclusive', null],
  ['recovery_target_timeline', null],
  ['recovery_target_action', null],
]);

/** Settings that point at files or sockets which the original cluster may be using. */
const DANGEROUS: ReadonlySet<string> = new Set([
  'data_directory',
  'config_file',
  'hba_file',
  'ident_file',
  'external_pid_file',
  'ssl_cert_file',
  'ssl_key_file',
  'ssl_ca_file',
  'ssl_crl_file',
  'unix_socket_directory',
  'unix_socket_directories',
  'include',
  'include_dir',
  'include_if_exists',
]);

const SETTING = /^\s*([A-Za-z_][A-Za-z0-9_.]*)(?:\s*=\s*|\s+|$)([^]*)$/;

/** Puts `#BARMAN#` before every setting that could lose data; `changes` name the lines of the given text. */
export function mangleSettings(file: string, text: string): { text: string; changes: readonly SettingNote[] } {
  const changes: SettingNote[] = [];
  const lines = text.split('\n').flatMap((line, index) => {
    // PostgreSQL reads the names in any case; Barman 3.20.1 overlooks ARCHIVE_COMMAND and keeps the old archive.
    const key = SETTING.exec(line)?.[1]?.toLowerCase() ?? '';
    const value = MANGLED.get(key);
    if (value === undefined) return [line];
    changes.push({ file, line: index, key, value });
    return value === null ? [`#BARMAN#${line}`] : [`#BARMAN#${line}`, `${key} = ${value}`];
  });
  return { text: lines.join('\n'), changes };
}

/** The settings a person has to look at; values as written, comments included. */
export function dangerousSettings(file: string, text: string): readonly SettingNote[] {
  return text.split('\n').flatMap((line, index) => {
    const [, key = '', value = ''] = SETTING.exec(line) ?? [];
    return DANGEROUS.has(key.toLowerCase())
      ? [{ file, line: index, key: key.toLowerCase(), value: value.trimEnd() }]
      : [];
  });
}

/**
 * The text with `lines` behind it. compat 3.20.1: a newline is always written before the first one, which leaves an
 * empty line unless the text lacks its final newline.
 */
export function appendSettings(text: string, lines: readonly string[]): string {
  if (lines.length === 0) return text;
  return `${text}${text === '' ? '' : '\n'}${lines.join('\n')}\n`;
}
