/**
 * A request -> what a restore will do, refused in Barman's order and words before anything is touched.
 * Source: docs/behaviour/recovery.md 2 steps 4 to 12.
 */
import { join, resolve } from 'node:path';
import { dataPath, tablespacePath } from '../catalog/layout.ts';
import type { ServerConfig } from '../config/options.ts';
import { RecoveryError } from '../domain/errors.ts';
import { breaksLine } from '../domain/recovery/restore-command.ts';
import { has, type PostgresVersion } from '../domain/postgres-version.ts';
import { isObject } from '../domain/location.ts';
import type { CommandContext } from '../server/context.ts';
import type { ServerScope } from '../server/scope.ts';
import { type BackupInfo, isCopyDone } from '../domain/backup/backup-info.ts';
import { type BackupLayout, layoutOf, obstacleTo, originOf, stagesOf } from '../domain/backup/backup-layout.ts';
import type { Tablespace } from '../domain/backup/backup-info-values.ts';
import { backupVersion } from './goal.ts';
import type { RestoreRequest } from './request.ts';
import { checkStaging } from './staging-paths.ts';

export interface PlannedTablespace {
  readonly oid: number;
  readonly name: string;
  /** As typed or as recorded. */
  readonly location: string;
  /** Absolute. */
  readonly path: string;
}

export interface RecoveryPlan {
  readonly info: BackupInfo;
  readonly version: PostgresVersion;
  readonly layout: BackupLayout;
  /** As typed. */
  readonly shownDestination: string;
  /** Absolute. */
  readonly destination: string;
  readonly tablespaces: readonly PlannedTablespace[];
  /** The relocation rules alone, for the hooks. */
  readonly relocations: Readonly<Record<string, string>>;
  readonly getWal: boolean;
  /** Reuse what is in the destination. */
  readonly delta: boolean;
  /** Where the settings of the recovery go: a file name in the destination. */
  readonly recoveryFile: string;
}

/** Checks everything that needs no look at the disk. Prints deprecation warnings. @throws RecoveryError */
export function planRecovery(scope: ServerScope, request: RestoreRequest, info: BackupInfo): RecoveryPlan {
  const layout = layoutOf(info, scope.catalog.layout);
  refuseRelativeStaging(request);
  if (!isCopyDone(info)) {
    throw new RecoveryError(
      `Cannot restore from backup '${request.backupId}' of server '${scope.name}': backup status is not DONE`,
    );
  }
  checkStaging(scope, request, layout);
  const relocations = parseRelocations(request.tablespace ?? [], info.tablespaces ?? []);
  checkDestinationText(request);
  refuseRelativeRemote(request, relocations);
  const getWal = request.getWal || needsGetWal(scope, layout, request);
  if (request.networkCompression === true && request.remoteSshCommand === undefined) {
    throw new RecoveryError('Network compression can only be used with remote recovery.', { hint: REMOTE_HINT });
  }
  checkDelta(scope.config, request, layout);
  checkSnapshotArguments(request, info, relocations);
  refuseUnsupported(scope, request, layout);
  const version = backupVersion(info);
  return {
    info,
    version,
    layout,
    shownDestination: request.destination,
    destination: resolve(request.destination),
    tablespaces: (info.tablespaces ?? []).map(({ oid, name, location }) => {
      const chosen = relocations[name] ?? location;
      return { oid, name, location: chosen, path: resolve(chosen) };
    }),
    relocations,
    getWal,
    delta: request.deltaRestore,
    recoveryFile: recoveryFileName(request, version),
  };
}

/** Directory of the backup that holds PGDATA, or the archives of a compressed one. */
export function sourceOfData(scope: ServerScope, info: BackupInfo): string {
  return dataPath(scope.catalog.layout, info.backupId);
}

/** Directory of the backup that holds a tablespace. */
export function sourceOfTablespace(scope: ServerScope, info: BackupInfo, oid: number): string {
  return tablespacePath(scope.catalog.layout, info.backupId, oid);
}

const REMOTE_HINT = 'If you want to do a remote recovery you have to use the --remote-ssh-command option';

function refuseRelativeStaging(request: RestoreRequest): void {
  const check = (what: string, path: string | undefined) => {
    if (path === undefined || path.startsWith('/')) return;
    throw new RecoveryError(`Cannot parse ${what}: Invalid value : '${path}' (must be an absolute path)`);
  };
  check('staging path', request.stagingPath);
  if (request.stagingLocation === 'remote' && request.remoteSshCommand === undefined) {
    throw new RecoveryError('--staging-location as remote requires --remote-ssh-command to be set');
  }
  check('recovery staging path', request.recoveryStagingPath);
  check('local staging path', request.localStagingPath);
}

/** Relative to what, over there? */
function refuseRelativeRemote(request: RestoreRequest, relocations: Readonly<Record<string, string>>): void {
  if (request.remoteSshCommand === undefined) return;
  const relative = [request.destination, request.stagingWalDirectory ?? '/', ...Object.values(relocations)].find(
    (path) => !path.startsWith('/'),
  );
  if (relative === undefined) return;
  throw new RecoveryError(`Cannot restore to '${relative}' on another host`, { hint: 'give an absolute path' });
}

/** `NAME:LOCATION` rules; the last one of a name wins. */
function parseRelocations(
  rules: readonly string[],
  tablespaces: readonly Tablespace[],
): Readonly<Record<string, string>> {
  const relocations = new Map<string, string>();
  for (const rule of rules) {
    const colon = rule.indexOf(':');
    const [name, location] = [rule.slice(0, colon), rule.slice(colon + 1)];
    if (colon < 1 || location === '') {
      throw new RecoveryError(`Invalid tablespace relocation rule '${rule}'`, {
        hint: 'The valid syntax for a relocation rule is NAME:LOCATION',
      });
    }
    if (!tablespaces.some((tablespace) => tablespace.name === name)) {
      throw new RecoveryError(`Invalid tablespace name '${name}'`, {
        hint: `Please use any of the following tablespaces: ${tablespaces.map((tablespace) => tablespace.name).join(', ')}`,
      });
    }
    relocations.set(name, location);
  }
  return Object.fromEntries(relocations);
}

function checkDestinationText({
  destination,
  remoteSshCommand,
  stagingWalDirectory,
  restoreCommand,
}: RestoreRequest): void {
  if (destination.includes(':') && remoteSshCommand === undefined) {
    throw new RecoveryError("The destination directory parameter cannot contain the ':' character", {
      hint: REMOTE_HINT,
    });
  }
  if (destination === '') throw new RecoveryError('The destination directory cannot be empty');
  // These end up in a line of a configuration file.
  const texts = {
    'destination directory': destination,
    '--staging-wal-directory': stagingWalDirectory,
    '--restore-command': restoreCommand,
  };
  for (const [what, text] of Object.entries(texts)) {
    if (text !== undefined && breaksLine(text)) throw new RecoveryError(`The ${what} cannot hold a line break`);
  }
}

function needsGetWal(ctx: CommandContext, layout: BackupLayout, request: RestoreRequest): boolean {
  if (!isObject(layout.walPlace) || request.getWal) return false;
  ctx.output.warning(
    'get-wal is required for servers with WALs stored in cloud storage. Automatically enabling --get-wal.',
  );
  return true;
}

function checkDelta(config: ServerConfig, request: RestoreRequest, layout: BackupLayout): void {
  if (!request.deltaRestore) return;
  const isPlain = stagesOf(layout).every((stage) => stage === 'fetch');
  if (request.remoteSshCommand === undefined && !isPlain) {
    throw new RecoveryError('Cannot restore a backup locally with delta mode when the backup is not plain.');
  }
  const location = request.stagingLocation ?? config.stagingLocation;
  if (request.remoteSshCommand !== undefined && location === 'remote') {
    throw new RecoveryError("Cannot restore a backup remotely with delta mode when 'staging_location=remote'.");
  }
}

function checkSnapshotArguments(
  { snapshotRecoveryInstance: instance }: RestoreRequest,
  info: BackupInfo,
  relocations: Readonly<Record<string, string>>,
): void {
  if (originOf(info) !== 'snapshot') {
    if (instance === undefined) return;
    throw new RecoveryError(
      `Backup ${info.backupId} is not a snapshot backup but the following snapshot arguments have been used: --snapshot-recovery-instance`,
    );
  }
  if (instance === undefined) {
    throw new RecoveryError(
      `Backup ${info.backupId} is a snapshot backup and the following required arguments have not been provided: --snapshot-recovery-instance`,
    );
  }
  if (Object.keys(relocations).length > 0) {
    throw new RecoveryError(
      `Backup ${info.backupId} is a snapshot backup therefore tablespace relocation rules cannot be used.`,
    );
  }
}

/** What this release cannot restore ends here, with nothing touched. */
function refuseUnsupported(scope: ServerScope, request: RestoreRequest, layout: BackupLayout): void {
  const action = request.remoteSshCommand === undefined ? 'restore here' : 'restore there';
  const obstacle = obstacleTo(action, layout, { backup: request.backupId, server: scope.name });
  if (obstacle === null) return;
  throw new RecoveryError(obstacle.words, {
    hint: 'nothing was changed: Barman 3.20.1 can restore this backup from the same catalog',
  });
}

/** Names in PGDATA that a file of settings must not take. */
const TAKEN_NAME =
  /^(?:base|global|log|pg_(?!hba|ident).*|PG_VERSION|backup_.*|tablespace_map|postmaster\..*|.*\.signal|pg_hba\.conf|pg_ident\.conf|barman_wal)$/;

function recoveryFileName(request: RestoreRequest, version: PostgresVersion): string {
  if (!has(version, 'recoverySignal')) return 'recovery.conf';
  const name = request.recoveryConfFilename ?? 'postgresql.auto.conf';
  const isPlainName = join('/', name) === `/${name}` && !name.includes('/') && name !== '' && !name.startsWith('.');
  if (isPlainName && !TAKEN_NAME.test(name) && !breaksLine(name)) return name;
  throw new RecoveryError(`Invalid recovery configuration file name '${name}'`, {
    hint: 'give a file name without a directory, e.g. --recovery-conf-filename postgresql.auto.conf',
  });
}
