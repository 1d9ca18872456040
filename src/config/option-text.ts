/** Options as Barman spells them in text: str() of its values. Source: docs/behaviour/check.md 5, config.md 10. */
import type { OptionName } from './options.ts';
import { clockDuration } from '../domain/time/duration.ts';
import { formatRetentionPolicy, type RetentionSetting } from '../domain/backup/retention-policy.ts';
import { formatLocation, type Location } from '../domain/location.ts';
import { pythonSet } from '../output/python-text.ts';

/** Values whose spelling is not that of their type; the others come back as they are. */
export function spelledOption(name: OptionName, value: unknown): unknown {
  if (value === null || typeof value === 'string') return value;
  switch (name) {
    case 'backup_options':
      return pythonSet('BackupOptions', value as ReadonlySet<string>);
    case 'recovery_options':
      return pythonSet('RecoveryOptions', value as ReadonlySet<string>);
    case 'last_backup_maximum_age':
    case 'last_wal_maximum_age':
      return clockDuration(value as number);
    case 'basebackups_directory':
    case 'wals_directory':
    case 'xlogdb_directory':
      return formatLocation(value as Location);
    case 'retention_policy': {
      const { policy, text } = value as RetentionSetting;
      return policy ? formatRetentionPolicy(policy) : text;
    }
    default:
      return value;
  }
}
