/**
 * Which backup method a server uses, whether a backup may start with these options, and the body that does it: loaded when
 * a backup begins, as each brings programs and protocols of its own. What a method is else stands in config/methods.ts.
 */
import { METHODS, methodOf } from '../config/methods.ts';
import type { BackupMethod as MethodName } from '../config/options.ts';
import { formatLocation, isObject } from '../domain/location.ts';
import type { ServerScope } from '../server/scope.ts';
import type { BackupMethod } from './method.ts';

export interface AdmittedMethod {
  /** As recorded in backup.info. */
  readonly mode: string;
  /** The copy brings a manifest along. */
  readonly makesManifest: boolean;
  readonly load: () => Promise<BackupMethod>;
}

const loadRsync = async () => (await import('./rsync/rsync.ts')).rsyncBackup;

const BODIES: Readonly<Partial<Record<MethodName, () => Promise<BackupMethod>>>> = {
  postgres: async () => (await import('./postgres/postgres.ts')).postgresBackup,
  rsync: loadRsync,
  'local-rsync': loadRsync,
};

/** The method of a server; a text says why no backup can be taken in this release, before anything is touched. */
export function admitMethod({ config, name }: ServerScope): AdmittedMethod | string {
  const { mode, streams } = methodOf(config);
  const load = BODIES[config.backupMethod];
  if (mode === null || load === undefined) {
    return `backup_method = ${config.backupMethod} is not available in this release; server '${name}' can use backup_method = ${available()}`;
  }
  if (config.encryption !== null) {
    return `encryption = ${config.encryption} is not available in this release, and server '${name}' asks for it`;
  }
  if (isObject(config.basebackupsDirectory)) {
    return `basebackups_directory = ${formatLocation(config.basebackupsDirectory)} is not available in this release; use a local directory`;
  }
  return { mode, makesManifest: streams, load };
}

/** `postgres, rsync or local-rsync` */
function available(): string {
  const names = Object.entries(METHODS).flatMap(([name, { mode }]) => (mode === null ? [] : [name]));
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}
