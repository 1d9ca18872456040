/** The settings that make PostgreSQL recover as it was asked to. Source: docs/behaviour/recovery.md 8. */
import { quoteSetting, type RecoveryGoal, targetSettings } from '../../domain/recovery/recovery-target.ts';
import {
  cleanupCommand,
  copyCommand,
  getWalCommand,
  walRestoreCommand,
} from '../../domain/recovery/restore-command.ts';
import { has, type PostgresVersion } from '../../domain/postgres-version.ts';
import type { Output } from '../../output/output.ts';

export interface RecoverySettingsInput {
  /** The server to ask with get-wal. */
  readonly server: string;
  /** The account under which `barman` has to run there. */
  readonly barmanUser: string;
  readonly goal: RecoveryGoal;
  readonly version: PostgresVersion;
  readonly getWal: boolean;
  /** Where the WAL files were put, absolute. */
  readonly walDirectory: string;
  readonly customCommand: string | null;
  /** Set when the cluster will run on another host: how it reaches this one. */
  readonly remote: { readonly host: string; readonly port: string | null; readonly jobs: number } | null;
}

/** The lines for the recovery file, in Barman's order. Says what becomes of a custom restore command. */
export function recoverySettings(output: Output, input: RecoverySettingsInput): readonly string[] {
  const { goal, version } = input;
  const lines = [...restoreCommands(output, input), ...targetSettings(goal, version)];
  if (!has(version, 'recoverySignal') && goal.standby) lines.push("standby_mode = 'on'");
  return lines;
}

function restoreCommands(
  output: Output,
  { server, barmanUser, goal, getWal, walDirectory, customCommand, remote }: RecoverySettingsInput,
): readonly string[] {
  if (getWal && customCommand !== null) {
    const line = `restore_command = ${quoteSetting(customCommand)}`;
    output.info(`Custom restore command override: ${line}`);
    return [line];
  }
  if (getWal && remote !== null) {
    return [
      "# The 'barman-wal-restore' command is provided in the 'barman-cli' package",
      `restore_command = ${quoteSetting(walRestoreCommand({ ...remote, user: barmanUser, server, standby: goal.standby }))}`,
    ];
  }
  if (getWal) {
    return [
      `# The 'barman get-wal' command must run as '${barmanUser}' user`,
      `restore_command = ${quoteSetting(getWalCommand(server, goal.standby))}`,
    ];
  }
  if (goal.standby) return [];
  if (customCommand !== null) {
    output.warning('The provided custom restore command was ignored as it only works with get-wal mode.');
  }
  return [
    `restore_command = ${quoteSetting(copyCommand(walDirectory))}`,
    `recovery_end_command = ${quoteSetting(cleanupCommand(walDirectory))}`,
  ];
}

/** The empty file that makes PostgreSQL recover, by its name; null for a release that reads recovery.conf. */
export function signalFile(goal: RecoveryGoal, version: PostgresVersion): string | null {
  if (!has(version, 'recoverySignal')) return null;
  return goal.standby ? 'standby.signal' : 'recovery.signal';
}
