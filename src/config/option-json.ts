/**
 * Options as Barman's JSON documents (sync-info, diagnose) have them, without their secrets.
 * Source: docs/behaviour/cli.md 6.9, 6.10.
 */
import type { OptionName } from './options.ts';
import { redactSecrets, withoutSecret } from '../domain/redaction.ts';
import { humanDuration } from '../domain/time/duration.ts';
import { formatRetentionPolicy, type RetentionSetting } from '../domain/backup/retention-policy.ts';
import { formatLocation, type Location } from '../domain/location.ts';
import type { Json } from '../output/output.ts';

export function optionJson(name: OptionName, value: unknown): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return withoutSecret(name, value);
  switch (name) {
    case 'last_backup_maximum_age':
    case 'last_wal_maximum_age':
      return humanDuration(value as number);
    case 'basebackups_directory':
    case 'wals_directory':
    case 'xlogdb_directory':
      return redactSecrets(formatLocation(value as Location));
    case 'retention_policy': {
      const { policy, text } = value as RetentionSetting;
      return policy ? formatRetentionPolicy(policy) : text;
    }
    default:
      if (value instanceof Set) return [...value].join(',');
      return value instanceof Map ? Object.fromEntries(value as Map<string, Json>) : (value as Json);
  }
}
