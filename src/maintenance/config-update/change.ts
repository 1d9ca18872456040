/** A change of the configuration: what it sets, where it is written, and whether that may be. */
import { join } from 'node:path';
import { interpolate } from '../../config/ini.ts';
import type { Config } from '../../config/load.ts';
import { ConfigError } from '../../domain/errors.ts';

export interface Change {
  readonly key: string;
  readonly value: string;
  /** The file that the option is written to. */
  readonly configFile: string;
}

export interface ChangeSet {
  readonly section: string;
  readonly changes: readonly Change[];
}

/** `.barman.auto.conf`: read last, so what it says is in force. */
export function automaticFile({ global }: Config): string {
  return join(global.barmanHome, '.barman.auto.conf');
}

/** Why a text cannot stand in a configuration file, or would make that file unreadable; null when it can. */
export function valueProblem(config: Config, section: string, key: string, value: string): string | null {
  if (/(?!\t)[\p{Cc}\p{Cs}]/u.test(value)) return 'the value holds a line break or a control character';
  if (!value.includes('%')) return null;
  const raws = new Map([...(config.sections.get(section) ?? [])].map(([name, { raw }]) => [name, raw]));
  try {
    // Resolved when the file is read, and once more when the option is used.
    for (let round = 0; round < 2; round += 1) {
      if (round === 0) raws.set(key, value);
      raws.set(
        key,
        interpolate(raws.get(key) ?? '', (name) => raws.get(name), { section, key }),
      );
    }
    return null;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { message, hint } = error;
    return hint === undefined ? message : `${message}; ${hint}`;
  }
}
