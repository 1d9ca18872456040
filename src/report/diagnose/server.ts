/** One server in the document of `diagnose`. Source: docs/behaviour/check.md 6, cli.md 6.9. */
import { setTimeout as sleep } from 'node:timers/promises';
import { offsetOf } from '../../domain/time/local-time.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { BarmanError } from '../../domain/errors.ts';
import { isoTimestamp, type Timestamp } from '../../domain/time/timestamp.ts';
import { timelineName } from '../../domain/wal/wal.ts';
import { JsonFloat } from '../../output/json-float.ts';
import type { Json, JsonObject } from '../../output/output.ts';
import type { ServerScope } from '../../server/scope.ts';
import { AS_JSON, statusDocument } from '../status-document.ts';
import { recordJson } from '../../output/results/backup-record.ts';
import { type Present, serverConfiguration } from './configuration.ts';
import { askSystem } from './system-info.ts';

/** How long the host of a server may take for all questions about it, ms. */
const HOST_PATIENCE = 60_000;

export async function describeServer(scope: ServerScope, present: Present): Promise<JsonObject> {
  const [status, system] = await Promise.all([scope.status(), askHost(scope)]);
  return {
    active_model: scope.config.activeModel,
    backups: await describeBackups(scope),
    config: serverConfiguration(scope, present),
    msg_list: scope.problems,
    status: statusDocument(status, AS_JSON),
    ...(system === null ? {} : { system_info: system }),
    wals: { last_archived_wal_per_timeline: await describeWals(scope) },
  };
}

/** null without ssh_command, and when the host does not answer. */
async function askHost(scope: ServerScope): Promise<JsonObject | null> {
  const command = scope.config.sshCommand;
  if (command === null || command.trim() === '' || scope.role.isPassive) return null;
  const log = scope.log.named('barman.diagnose');
  try {
    const host = await scope.remoteHost();
    // What does not end by itself is ended when the server is closed.
    const system = await Promise.race([askSystem(host, scope.signal), sleep(HOST_PATIENCE, null, { ref: false })]);
    if (system === null) log.warning(`the host of server '${scope.name}' cannot be asked by '${host.name}'`);
    return system;
  } catch (error) {
    if (!(error instanceof BarmanError)) throw error;
    log.warning(`the host of server '${scope.name}' cannot be asked: ${error.message}`);
    return null;
  }
}

async function describeBackups({ output, catalog }: ServerScope): Promise<JsonObject> {
  const { backups, damaged } = await catalog.listBackups();
  for (const { path, reason } of damaged) output.warning(`cannot read ${path}: ${reason}`);
  return Object.fromEntries(backups.map((info) => [info.backupId, describeBackup(info)]));
}

/** Times in ISO form of this host's zone. */
function describeBackup(info: BackupInfo): JsonObject {
  return {
    ...recordJson(info),
    backup_id: info.backupId,
    begin_time: localIso(info.beginTime),
    end_time: localIso(info.endTime),
  };
}

function localIso(time: Timestamp | null): string | null {
  if (time === null) return null;
  const offsetMinutes = offsetOf(new Date(Number(time.epochMicros / 1000n)));
  return isoTimestamp({ ...time, offsetMinutes });
}

async function describeWals({ catalog }: ServerScope): Promise<JsonObject> {
  const last: Record<string, Json> = {};
  for (const [timeline, name] of await catalog.walStore.lastOfTimelines()) {
    const record = await catalog.walStore.describe(name);
    if (record) last[timelineName(timeline)] = { ...record, time: new JsonFloat(record.time) };
  }
  return last;
}
