/**
 * Options that Barman reads only when it opens the server: a bad value goes to the log and to a fallback.
 * Source: docs/behaviour/config.md 4, "Late parsing".
 */
import { parseRetentionPolicy, type RetentionSetting } from '../domain/backup/retention-policy.ts';
import type { LogMessage, OptionValues } from './options.ts';
import { integer } from './parsers.ts';

export type LateValues = Pick<
  OptionValues,
  | 'bandwidthLimit'
  | 'tablespaceBandwidthLimit'
  | 'minimumRedundancy'
  | 'retentionPolicy'
  | 'retentionPolicyMode'
  | 'walRetentionPolicy'
>;

type RawOf = (name: string) => string | null;

/** Brings the late options of server `name` to their final types. */
export function readLateOptions(name: string, rawOf: RawOf): { values: LateValues; messages: LogMessage[] } {
  const messages: LogMessage[] = [];
  const warn = (text: string) => messages.push({ level: 'warning', logger: 'barman.server', text });
  const bandwidthLimit = readBandwidth(name, rawOf('bandwidth_limit'), warn);
  const tablespaceBandwidthLimit = readRules(rawOf('tablespace_bandwidth_limit'), bandwidthLimit, warn);
  const minimumRedundancy = readRedundancy(name, rawOf('minimum_redundancy'), warn);
  const mode = rawOf('retention_policy_mode');
  if (mode !== null && mode !== 'auto') {
    warn(`Unsupported retention_policy_mode "${mode}" for server "${name}" (fallback to "auto")`);
  }
  const retentionPolicy = readPolicy(rawOf('retention_policy'));
  const walRetentionPolicy = readWalPolicy(name, retentionPolicy, rawOf('wal_retention_policy'), warn);
  if (retentionPolicy && !retentionPolicy.policy) {
    const text = `Invalid retention_policy setting "${retentionPolicy.text}" for server "${name}"`;
    messages.push({ level: 'error', logger: 'barman.server', text });
  }
  return {
    values: {
      bandwidthLimit,
      tablespaceBandwidthLimit,
      minimumRedundancy,
      retentionPolicy,
      retentionPolicyMode: 'auto',
      walRetentionPolicy,
    },
    messages,
  };
}

function readInteger(text: string): number | undefined {
  try {
    return integer(text, { key: '', section: '' }) ?? undefined;
  } catch {
    return undefined;
  }
}

function readBandwidth(name: string, raw: string | null, warn: (text: string) => void): number | null {
  if (raw === null) return null;
  const limit = readInteger(raw);
  if (limit === undefined) warn(`Invalid bandwidth_limit "${raw}" for server "${name}" (fallback to "0")`);
  return limit ?? null;
}

function readRules(
  raw: string | null,
  bandwidthLimit: number | null,
  warn: (text: string) => void,
): ReadonlyMap<string, number> | null {
  const limits = new Map<string, number>();
  for (const rule of raw?.split(/\s+/).filter((word) => word !== '') ?? []) {
    const colon = rule.indexOf(':');
    const limit = colon < 0 ? undefined : readInteger(rule.slice(colon + 1));
    if (limit === undefined) warn(`Invalid tablespace_bandwidth_limit rule '${rule}'`);
    else if (limit !== bandwidthLimit) limits.set(rule.slice(0, colon), limit);
  }
  return limits.size > 0 ? limits : null;
}

function readRedundancy(name: string, raw: string | null, warn: (text: string) => void): number {
  const count = readInteger(raw ?? '0');
  if (count === undefined) warn(`Invalid minimum_redundancy "${raw}" for server "${name}" (fallback to "0")`);
  else if (count < 0) warn(`Negative value of minimum_redundancy "${count}" for server "${name}" (fallback to "0")`);
  return count === undefined || count < 0 ? 0 : count;
}

function readPolicy(raw: string | null): RetentionSetting | null {
  return raw === null ? null : { text: raw, policy: parseRetentionPolicy(raw) };
}

/** Looked at only where there is a retention policy. */
function readWalPolicy(
  name: string,
  retention: RetentionSetting | null,
  raw: string | null,
  warn: (text: string) => void,
): string | null {
  if (!retention) return raw;
  if (raw !== 'main') {
    warn(`Unsupported wal_retention_policy value "${raw ?? 'None'}" for server "${name}" (fallback to "main")`);
  }
  return retention.policy ? 'MAIN' : 'main';
}
