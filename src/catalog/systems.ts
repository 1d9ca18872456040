/** The PostgreSQL systems whose WAL may be in the archive of one server. */
import { BarmanError } from '../domain/errors.ts';
import type { Catalog } from './catalog.ts';

export interface KnownSystems {
  /** That of identity.json, from which new WAL must come; null while no backup has written it down. */
  readonly current: string | null;
  /**
   * False for one that neither identity.json nor a backup names. After pg_upgrade the backups of the older system still need
   * its WAL; where a record cannot be read, it may be that of any system.
   */
  isKnown(systemId: string): Promise<boolean>;
}

/** The records are read when a system is asked for that is not the current one. */
export async function openSystems(catalog: Pick<Catalog, 'readIdentity' | 'listBackups'>): Promise<KnownSystems> {
  const current = (await catalog.readIdentity())?.systemid ?? null;
  return {
    current,
    isKnown: async (systemId) => {
      if (systemId === current) return true;
      const { backups, damaged } = await catalog.listBackups();
      const named = backups.flatMap(({ systemid }) => systemid ?? []);
      if (damaged.length > 0 || named.includes(systemId)) return true;
      // Nobody has said yet whose archive this is.
      return current === null && named.length === 0;
    },
  };
}

/** For who only reads: where identity.json cannot be read, no system is held to be foreign. */
export async function openSystemsLeniently(catalog: Parameters<typeof openSystems>[0]): Promise<KnownSystems> {
  try {
    return await openSystems(catalog);
  } catch (error) {
    if (!(error instanceof BarmanError)) throw error;
    return { current: null, isKnown: async () => true };
  }
}
