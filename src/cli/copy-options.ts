/**
 * Options that backup and restore share, and those of restore. Source: docs/behaviour/cli.md 4.2 and 4.17.
 * compat 3.20.1: usage errors name options in this order, and the spellings of an option as they stand here.
 */
import type { OptionSpec } from './spec.ts';
import { choice, combineMode, nonNegative, positive, targetAction, timeline } from './values.ts';

/** Override the configuration's retries, workers and bandwidth for one run. */
export const COPY_OPTIONS: readonly OptionSpec[] = [
  { flags: '--retry-times <N>', help: 'how often a failed copy is tried again', parse: nonNegative },
  { flags: '--retry-sleep <SECONDS>', help: 'pause between these tries', parse: nonNegative },
  { flags: '--no-retry', help: 'the same as --retry-times 0' },
  { flags: '--jobs, -j <N>', help: 'parallel copy workers', parse: positive },
  {
    flags: '--jobs-start-batch-period <SECONDS>',
    help: 'period in which one batch of workers starts',
    parse: positive,
  },
  { flags: '--jobs-start-batch-size <N>', help: 'workers started in one period', parse: positive },
  { flags: '--bwlimit <KBPS>', help: 'bandwidth limit in kilobytes a second (0: none)', parse: nonNegative },
];

export const RESTORE_OPTIONS: readonly OptionSpec[] = [
  { flags: '--target-tli <TIMELINE>', help: 'follow this timeline: a number, current or latest', parse: timeline },
  { flags: '--target-time <TIME>', help: "recover to this moment, e.g. '2026-01-31 23:59:59+00'" },
  { flags: '--target-xid <XID>', help: 'recover to this transaction' },
  { flags: '--target-lsn <LSN>', help: 'recover to this WAL position' },
  { flags: '--target-name <NAME>', help: 'recover to this restore point' },
  { flags: '--target-immediate', help: 'stop as soon as the backup is consistent' },
  { flags: '--exclusive', help: 'stop just before the target instead of just after it' },
  { flags: '--tablespace <NAME:LOCATION>', help: 'put a tablespace there (repeatable)', repeatable: true },
  { flags: '--remote-ssh-command <COMMAND>', help: 'restore on another host, reached by this command' },
  { flags: '--staging-wal-directory <DIRECTORY>', help: 'where WAL waits for a point-in-time recovery' },
  { flags: '--get-wal', help: 'let PostgreSQL fetch WAL from Barman while it recovers' },
  { flags: '--no-get-wal', help: 'copy the WAL now' },
  { flags: '--partial-wal', help: 'also copy the last, partial segment' },
  { flags: '--skip-archive-wal', help: 'do not archive waiting WAL first' },
  { flags: '--network-compression', help: 'remote only: compress the transfer' },
  { flags: '--no-network-compression', help: 'remote only: do not compress the transfer' },
  { flags: '--target-action <ACTION>', help: 'at the target: pause, shutdown or promote', parse: targetAction },
  { flags: '--standby-mode', help: 'restore as a standby' },
  { flags: '--recovery-staging-path <PATH>', help: 'deprecated: use --staging-path' },
  { flags: '--local-staging-path <PATH>', help: 'deprecated: use --staging-path' },
  { flags: '--staging-path <PATH>', help: 'where backups are combined and decompressed (default /tmp)' },
  {
    flags: '--staging-location <PLACE>',
    help: 'local or remote: the host of the staging path',
    parse: choice('local', 'remote'),
  },
  { flags: '--combine-mode <MODE>', help: 'copy, link, clone or copy-file-range', parse: combineMode },
  { flags: '--recovery-conf-filename <NAME>', help: 'file for the recovery settings (default postgresql.auto.conf)' },
  { flags: '--recovery-option-port <PORT>', help: 'port of barman-wal-restore in restore_command' },
  { flags: '--restore-command <COMMAND>', help: 'your own restore_command (with --get-wal)' },
  { flags: '--delta-restore', help: 'reuse what is already in the destination' },
  { flags: '--no-delta-restore', help: 'do not reuse what is in the destination' },
  { flags: '--snapshot-recovery-instance <NAME>', help: 'snapshot backups: the instance with the recovered disks' },
  { flags: '--snapshot-recovery-zone <ZONE>', help: 'deprecated: use --gcp-zone' },
  { flags: '--gcp-zone <ZONE>', help: 'snapshot backups: zone of the instance' },
  { flags: '--azure-resource-group <NAME>', help: 'snapshot backups: resource group of the instance' },
  { flags: '--aws-region <REGION>', help: 'snapshot backups: region of the instance' },
];
