/** Opens the catalog of one server. Nothing is read before it is asked for. */
import { makeDirectory } from '../host/files.ts';
import type { GlobalConfig, ServerConfig } from '../config/options.ts';
import { BackupError } from '../domain/errors.ts';
import { formatLocation, isObject, parseLocation } from '../domain/location.ts';
import { type AnnotationOptions, openAnnotations } from './annotations.ts';
import { openBackups } from './backups.ts';
import type { Catalog, Notify } from './catalog.ts';
import { openIdentity } from './identity.ts';
import { type CatalogLayout, catalogLayout } from './layout.ts';
import { isDirectory } from './paths.ts';
import { systemReason } from '../host/system-reason.ts';
import { openWals } from './wals.ts';

export function openCatalog(
  global: GlobalConfig,
  config: ServerConfig,
  now: () => Date,
  notify: Notify,
  annotations: AnnotationOptions = {},
): Catalog {
  const layout = catalogLayout(global, config);
  return {
    layout,
    createDirectories: () => createDirectories(layout, config),
    ...openBackups(layout, now),
    ...openAnnotations(layout, annotations),
    ...openIdentity(layout),
    ...openWals(layout, config, notify),
  };
}

/** In the order in which the reference meets them. Object storage has no directories. */
async function createDirectories(layout: CatalogLayout, config: ServerConfig): Promise<void> {
  const directories = [
    layout.backupDirectory,
    layout.baseDirectory,
    layout.errorsDirectory,
    layout.incomingDirectory,
    layout.streamingDirectory,
    layout.walsDirectory,
    formatLocation(config.xlogdbDirectory),
    layout.metaDirectory,
  ];
  for (const directory of directories) {
    if (isObject(parseLocation(directory))) continue;
    try {
      // mkdir of what is there fails on a read-only file system: ask first.
      if (!(await isDirectory(directory))) await makeDirectory(directory);
    } catch (error) {
      throw new BackupError(`${directory}: ${systemReason(error)}`, { cause: error });
    }
  }
}
