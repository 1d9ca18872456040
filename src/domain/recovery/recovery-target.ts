/**
 * Where a recovery ends, on which timeline, and what PostgreSQL does then. Source: docs/behaviour/recovery.md 5 and 8.
 */
import type { Lsn } from '../wal/lsn.ts';
import { formatLiteral } from '../text/python-literal.ts';
import { firstWith, has, type PostgresVersion } from '../postgres-version.ts';
import { formatTimestamp, type Timestamp } from '../time/timestamp.ts';

/** As typed: a timeline number or PostgreSQL's words. */
export type TargetTimeline = number | 'current' | 'latest';

export type TargetAction = 'pause' | 'shutdown' | 'promote';

export type RecoveryTarget =
  | { readonly kind: 'time'; readonly time: Timestamp }
  | { readonly kind: 'xid'; readonly xid: string }
  | { readonly kind: 'lsn'; readonly lsn: Lsn; readonly text: string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'immediate' };

export interface RecoveryGoal {
  /** null: to the end of the WAL. */
  readonly target: RecoveryTarget | null;
  /** The timeline that was asked for and the number it stands for here; null when none was. */
  readonly timeline: { readonly typed: TargetTimeline; readonly number: number } | null;
  /** Stop just before the target. */
  readonly exclusive: boolean;
  readonly action: TargetAction | null;
  readonly standby: boolean;
}

/** True when PostgreSQL has to be told where to stop. */
export function isPointInTime(goal: Pick<RecoveryGoal, 'target' | 'timeline'>): boolean {
  return goal.target !== null || goal.timeline !== null;
}

/** `time: '2030-01-01 00:00:00+00:00', timeline: '1'`: what follows "Recovery target ". */
export function describeGoal(goal: RecoveryGoal): string {
  const parts: string[] = [];
  const { target, timeline } = goal;
  if (target?.kind === 'time') parts.push(`time: ${formatLiteral(formatTimestamp(target.time))}`);
  if (target?.kind === 'xid') parts.push(`xid: ${formatLiteral(target.xid)}`);
  if (target?.kind === 'lsn') parts.push(`lsn: ${formatLiteral(target.text)}`);
  if (timeline !== null) parts.push(`timeline: '${timeline.number}'`);
  if (target?.kind === 'name') parts.push(`name: ${formatLiteral(target.name)}`);
  if (target?.kind === 'immediate') parts.push('immediate: True');
  return parts.join(', ');
}

/** Why this PostgreSQL cannot follow the goal; null when it can. */
export function versionProblem({ target, action }: RecoveryGoal, version: PostgresVersion): string | null {
  const refusal = (setting: string, feature: 'targetLsn' | 'targetImmediate') =>
    `Illegal use of ${setting} for this version of PostgreSQL (version ${firstWith(feature)} minimum required)`;
  if (target?.kind === 'lsn' && !has(version, 'targetLsn')) {
    return refusal(`recovery_target_lsn '${target.text}'`, 'targetLsn');
  }
  if (target?.kind === 'immediate' && !has(version, 'targetImmediate')) {
    return refusal("recovery_target 'immediate'", 'targetImmediate');
  }
  if (action !== null && !has(version, 'targetAction') && action !== 'pause') {
    return `Illegal target action '${action}' for this version of PostgreSQL`;
  }
  return null;
}

/** The settings that name the target, as lines of a configuration file. */
export function targetSettings(goal: RecoveryGoal, version: PostgresVersion): readonly string[] {
  const lines: string[] = [];
  const { target, timeline, action } = goal;
  switch (target?.kind) {
    case 'time':
      lines.push(`recovery_target_time = ${quoteSetting(formatTimestamp(target.time))}`);
      break;
    case 'xid':
      lines.push(`recovery_target_xid = ${quoteSetting(target.xid)}`);
      break;
    case 'lsn':
      lines.push(`recovery_target_lsn = ${quoteSetting(target.text)}`);
      break;
    case 'name':
      lines.push(`recovery_target_name = ${quoteSetting(target.name)}`);
      break;
    case 'immediate':
      lines.push("recovery_target = 'immediate'");
      break;
    case undefined:
  }
  const canExclude = target?.kind === 'time' || target?.kind === 'xid' || target?.kind === 'lsn';
  if (goal.exclusive && canExclude) lines.push("recovery_target_inclusive = 'False'");
  if (timeline !== null) lines.push(`recovery_target_timeline = ${timeline.typed}`);
  if (action !== null && !has(version, 'targetAction')) lines.push("pause_at_recovery_target = 'on'");
  else if (action !== null) lines.push(`recovery_target_action = ${quoteSetting(action)}`);
  return lines;
}

/** A value for postgresql.conf: PostgreSQL reads backslash escapes there, and '' as one quote. */
export function quoteSetting(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
