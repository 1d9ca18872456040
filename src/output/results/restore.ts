/** What a restore reports when it is done. Source: docs/behaviour/recovery.md 10, cli.md 6.8. */
import { humanDuration } from '../../domain/time/duration.ts';
import type { ConfigurationReport, SettingNote } from '../../domain/recovery/postgres-conf.ts';
import { JsonFloat } from '../json-float.ts';
import { formatTimestamp, type Timestamp } from '../../domain/time/timestamp.ts';
import type { Json, JsonObject, Result } from '../output.ts';

export interface RestoreReport extends ConfigurationReport {
  readonly started: Timestamp;
  readonly elapsedSeconds: number;
  readonly getWal: boolean;
  /** The file that holds restore_command. */
  readonly recoveryFile: string;
}

export function restoreResult(report: RestoreReport): Result {
  return { console: () => consoleLines(report), json: () => document(report) };
}

function consoleLines(report: RestoreReport): readonly string[] {
  const lines: string[] = [];
  if (report.changes.length > 0) {
    lines.push(
      '',
      'IMPORTANT',
      'These settings have been modified to prevent data losses',
      '',
      ...report.changes.map(noteLine),
    );
  }
  if (report.warnings.length > 0) {
    lines.push('', 'WARNING', 'You are required to review the following options as potentially dangerous', '');
    lines.push(...report.warnings.map(noteLine));
  }
  if (report.missing.length > 0) {
    lines.push(
      '',
      'WARNING',
      'The following configuration files have not been saved during backup, hence they have not been restored.',
      'You need to manually restore them in order to start the restored PostgreSQL instance:',
      '',
      ...report.missing.map((file) => `    ${file}`),
    );
  }
  if (report.getWal) {
    lines.push(
      '',
      "WARNING: 'get-wal' is in the specified 'recovery_options'.",
      `Before you start up the PostgreSQL server, please review the ${report.recoveryFile} file`,
      "inside the target directory. Make sure that 'restore_command' can be executed by the PostgreSQL user.",
    );
  }
  const started = formatTimestamp(report.started);
  lines.push(
    '',
    `Restore operation completed (start time: ${started}, elapsed time: ${humanDuration(report.elapsedSeconds)})`,
    'Your PostgreSQL server has been successfully prepared for recovery!',
  );
  return lines;
}

function noteLine({ file, line, key, value }: SettingNote): string {
  return `${file} line ${line}: ${key} = ${value ?? 'None'}`;
}

/** The JSON writer gathers these under `_WARNING`, as if they had been printed. */
export function restoreWarnings(report: RestoreReport): readonly string[] {
  const texts: string[] = [];
  if (report.changes.length > 0) {
    texts.push("IMPORTANT! Some settings have been modified to prevent data losses. See 'changes' key.");
  }
  if (report.warnings.length > 0) {
    texts.push("WARNING! You are required to review the options as potentially dangerous. See 'warnings' key.");
  }
  if (report.missing.length > 0) {
    texts.push(
      "WARNING! Some configuration files have not been saved during backup, hence they have not been restored. See 'missing_files' key.",
    );
  }
  if (report.getWal) {
    texts.push(
      "WARNING: 'get-wal' is in the specified 'recovery_options'. Before you start up the PostgreSQL server, please review the recovery configuration inside the target directory. Make sure that 'restore_command' can be executed by the PostgreSQL user.",
    );
  }
  return texts;
}

function document(report: RestoreReport): JsonObject {
  const seconds = report.started.epochMicros / 1_000_000n;
  return {
    changes: report.changes.map(noteJson),
    changes_count: report.changes.length,
    missing_files: report.missing,
    recovery_elapsed_time: humanDuration(report.elapsedSeconds),
    recovery_elapsed_time_seconds: new JsonFloat(report.elapsedSeconds),
    recovery_start_time: formatTimestamp(report.started),
    recovery_start_time_timestamp: String(seconds),
    warnings: report.warnings.map(noteJson),
    warnings_count: report.warnings.length,
  };
}

function noteJson({ file, line, key, value }: SettingNote): Json {
  return [file, line, key, value];
}
