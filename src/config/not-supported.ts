/** An option that a backup method does not take. */
import type { OptionName, ServerConfig } from './options.ts';
import { placeOf } from './origin.ts';

/** Barman's words, and where to remove it. */
export function notSupported(option: OptionName, method: string, { originOf }: Pick<ServerConfig, 'originOf'>): string {
  const origin = originOf(option);
  const remedy = origin === undefined ? '' : ` (remove it: ${placeOf(origin)})`;
  return `${option} option is not supported by ${method} backup_method${remedy}`;
}
