/** A base backup that is kept as plain files. Source: docs/behaviour/recovery.md 6.2. */
import { lstat } from 'node:fs/promises';
import { createThrottle } from '../../host/copy-file.ts';
import { backupPath } from '../../catalog/layout.ts';
import { RecoveryError } from '../../domain/errors.ts';
import type { ServerScope } from '../../server/scope.ts';
import { CONTROL_FILE, HELD_CONTROL_FILE } from '../control-file.ts';
import { type RecoveryPlan, sourceOfTablespace } from '../plan.ts';
import type { BaseBackup } from './base.ts';
import { copyTree, listTree, type Tree } from './copy.ts';

/** @throws RecoveryError when a directory or the control file is missing */
export async function inspectFiles(scope: ServerScope, plan: RecoveryPlan, source: string): Promise<BaseBackup> {
  const { info } = plan;
  const boundary = backupPath(scope.catalog.layout, info.backupId);
  const data = await listTree(source, { boundary, isExcluded: (path) => isLeftOut(path, plan) });
  if (!data.files.some(({ path }) => path === CONTROL_FILE)) {
    throw new RecoveryError(`Cannot restore backup '${info.backupId}': its file '${CONTROL_FILE}' is missing`);
  }
  const tablespaces = new Map<number, Tree>();
  for (const { oid } of plan.tablespaces) {
    const root = sourceOfTablespace(scope, info, oid);
    if (!(await lstat(root).catch(() => null))?.isDirectory()) {
      throw new RecoveryError(`Cannot restore backup '${info.backupId}': its directory '${root}' is missing`);
    }
    tablespaces.set(oid, await listTree(root, { boundary, isExcluded: () => false }));
  }
  const spaces = plan.tablespaces.map(({ oid, path }) => ({
    directory: path,
    source: sourceOfTablespace(scope, info, oid),
    bytes: tablespaces.get(oid)?.size ?? 0,
  }));
  return {
    size: [...tablespaces.values()].reduce((sum, tree) => sum + tree.size, data.size),
    demands: [{ directory: plan.destination, source, bytes: data.size }, ...spaces],
    trees: { data, tablespaces },
    copyTablespace: async ({ oid, name, path }, run) => {
      const { config } = scope;
      const tree = tablespaces.get(oid);
      const limit = config.tablespaceBandwidthLimit?.get(name) ?? config.bandwidthLimit;
      if (tree) await copyTree(tree, path, { ...run, throttle: createThrottle(limit) });
    },
    copyData: (run) =>
      copyTree(data, plan.destination, {
        ...run,
        rename: (path) => (path === CONTROL_FILE ? HELD_CONTROL_FILE : path),
      }),
    isFlushed: true,
  };
}

/** Barman's list: what belongs to the running original, and what Barman writes anew. */
function isLeftOut(path: string, plan: RecoveryPlan): boolean {
  if (/^(?:pg_log|log|pg_xlog|pg_wal)\/./.test(path)) return true;
  if (/^(?:postmaster\.pid|recovery\.conf|tablespace_map)$/.test(path)) return true;
  return plan.tablespaces.some(({ oid }) => path === `pg_tblspc/${oid}`);
}
