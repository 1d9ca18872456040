/** The names that completion offers, read from the configuration and the directories alone. */
import { listNames } from '../host/files.ts';
import { catalogLayout } from '../catalog/layout.ts';
import { loadConfig, readMainFile, type Config } from '../config/load.ts';
import { isBackupId } from '../domain/backup/backup-id.ts';

/** Where names come from; reads only what is asked for. */
export interface Names {
  servers(): Promise<readonly string[]>;
  /** Newest first. */
  backups(server: string): Promise<readonly string[]>;
}

/** Records are not opened: an id is the name of its directory or of its record. */
export function readNames(configFile: string | undefined, env: NodeJS.ProcessEnv): Names {
  let loaded: Config | undefined;
  const config = () => (loaded ??= loadConfig(readMainFile({ ...(configFile && { path: configFile }), env })));
  return {
    servers: async () => [...config().servers.keys()],
    backups: async (name) => {
      const server = config().servers.get(name);
      if (server === undefined) return [];
      const layout = catalogLayout(config().global, server);
      const directories = await listNames(layout.baseDirectory);
      const records = await listNames(layout.metaDirectory);
      const ids = [...directories, ...records.map((record) => record.replace(/-backup\.info$/, ''))].filter(isBackupId);
      return [...new Set(ids)].sort().toReversed();
    },
  };
}
