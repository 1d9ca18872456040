/** The rules of backup_method = snapshot. Source: docs/behaviour/config.md 7. */
import { civilTime, isRealDate } from '../domain/time/civil-time.ts';
import { notSupported } from './not-supported.ts';
import type { OptionName, ServerConfig } from './options.ts';

/** One message per mistake, in Barman's order. */
export function snapshotProblems(config: ServerConfig): string[] {
  const unsupported: OptionName[] = [];
  if (config.backupCompression !== null) unsupported.push('backup_compression');
  if (config.bandwidthLimit) unsupported.push('bandwidth_limit');
  if (config.networkCompression) unsupported.push('network_compression');
  if (config.tablespaceBandwidthLimit !== null) unsupported.push('tablespace_bandwidth_limit');
  if (config.reuseBackup === 'copy' || config.reuseBackup === 'link') unsupported.push('reuse_backup');
  const required: string[] = [];
  if (config.snapshotDisks === null) required.push('snapshot_disks');
  if (config.snapshotInstance === null) required.push('snapshot_instance');
  if (config.snapshotProvider === null) required.push('snapshot_provider');
  return [
    ...unsupported.map((option) => notSupported(option, 'snapshot', config)),
    ...required.map((option) => `${option} option is required by snapshot backup_method`),
    ...providerProblems(config),
    ...(config.snapshotProvider === 'aws' ? lockProblems(config) : []),
  ];
}

function providerProblems(config: ServerConfig): string[] {
  const provider = config.snapshotProvider;
  const fault = (reason: string) => [`Error initialising snapshot provider ${provider ?? 'None'}: ${reason}`];
  switch (provider) {
    case 'aws':
      // The region may also come from the AWS profile or the environment: whoever connects will know.
      return [];
    case 'gcp':
      if (config.gcpProject !== null || config.snapshotGcpProject !== null) return [];
      return fault('gcp_project option must be set when snapshot_provider is gcp');
    case 'azure':
      if (config.azureSubscriptionId !== null) return [];
      return fault('azure_subscription_id option must be set when snapshot_provider is azure');
    default:
      return fault(`Unsupported snapshot provider: ${provider ?? 'None'}`);
  }
}

const LOCK_DATE = /^\d{4}-\d{1,2}-\d{1,2}T\d{1,2}:\d{1,2}:\d{1,2}\.\d{1,6}Z$/;

/** compat 3.20.1: nothing is looked at without a mode, and a number 0 counts as not given. */
function lockProblems(config: ServerConfig): string[] {
  const mode = config.awsSnapshotLockMode;
  const duration = config.awsSnapshotLockDuration;
  const coolOff = config.awsSnapshotLockCoolOffPeriod;
  const date = config.awsSnapshotLockExpirationDate;
  if (mode === null) return [];
  const problems: string[] = [];
  if (!duration && !date) {
    problems.push(
      "'aws_snapshot_lock_mode' is set, you must specify 'aws_snapshot_lock_duration' or 'aws_snapshot_lock_expiration_date'.",
    );
  }
  if (duration && date) {
    problems.push(
      "You must specify either 'aws_snapshot_lock_duration' or 'aws_snapshot_lock_expiration_date' in the configuration, but not both.",
    );
  }
  if (coolOff && mode === 'governance') {
    problems.push("'aws_snapshot_lock_cool_off_period' cannot be used with 'aws_snapshot_lock_mode' = 'governance'.");
  }
  if (duration && (duration < 1 || duration > 36_500)) {
    problems.push('aws_snapshot_lock_duration must be between 1 and 36,500 days.');
  }
  if (coolOff && (coolOff < 1 || coolOff > 72)) {
    problems.push('aws_snapshot_lock_cool_off_period must be between 1 and 72 hours.');
  }
  if (!['governance', 'compliance'].includes(mode.toLowerCase())) {
    problems.push(
      "Invalid AWS snapshot lock mode. Please specify either 'governance' or 'compliance'. Ensure that the mode you choose aligns with your snapshot locking requirements.",
    );
  }
  if (date && !(LOCK_DATE.test(date) && isMoment(date))) {
    problems.push(`Invalid date: '${date}'. Expected format is '%Y-%m-%dT%H:%M:%S.%fZ'.`);
  }
  return problems;
}

/** False for a 31 February or a 25 o'clock. */
function isMoment(text: string): boolean {
  const time = civilTime(...(text.match(/\d+/g) ?? []));
  return isRealDate(time) && time.hour <= 23 && time.minute <= 59 && time.second <= 61;
}
