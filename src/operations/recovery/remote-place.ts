/**
 * A restore onto another host, reached by --remote-ssh-command. Data and tablespaces go there by rsync, straight from the
 * backup; what a restore writes itself is made in a private directory here and follows; global/pg_control goes last, so
 * that a restore that was cut short is never taken for a cluster. Source: spec recovery.md 6.1 and 11.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Executor } from '../../adapters/executor.ts';
import { makeDirectory } from '../../adapters/files.ts';
import { findRsync } from '../../adapters/rsync.ts';
import { CommandError, RecoveryError } from '../../domain/errors.ts';
import type { CommandContext } from '../context.ts';
import { openRemoteHost } from '../remote-host.ts';
import type { Server } from '../server.ts';
import { CONTROL_FILE } from './base-backup.ts';
import { ADVICE, checkRoom } from './destinations.ts';
import type { RestorePlace } from './place.ts';
import { type RecoveryPlan, sourceOfData } from './plan.ts';
import { copyBaseThere, push, type Remote, told } from './remote-copy.ts';
import type { RestoreRequest } from './request.ts';

/** Runs `body` on a place over there; the directory here and the connection end with it. */
export async function withRemotePlace<T>(
  ctx: CommandContext,
  server: Server,
  request: RestoreRequest & { readonly remoteSshCommand: string },
  plan: RecoveryPlan,
  body: (place: RestorePlace) => Promise<T>,
): Promise<T> {
  const command = request.remoteSshCommand;
  const env = { ...ctx.env, PATH: server.searchPath };
  const host = await openRemoteHost(ctx, server.config, { command, searchPath: server.searchPath });
  const folder = stagingFolder(server, request);
  await makeDirectory(folder, 0o700);
  const stage = await mkdtemp(join(folder, 'barman_recovery-'));
  try {
    const compress = request.networkCompression ?? server.config.networkCompression;
    const rsync = await findRsync(server.searchPath, env);
    return await body(remotePlace({ ctx, server, plan, command, host, rsync, compress }, stage));
  } finally {
    await host.close();
    await rm(stage, { recursive: true, force: true });
  }
}

/** WAL waits there until it goes over: the staging path for this host, where one is configured. */
function stagingFolder({ config }: Server, request: RestoreRequest): string {
  const chosen = request.localStagingPath ?? request.stagingPath ?? config.localStagingPath ?? config.stagingPath;
  return chosen !== null && request.stagingLocation !== 'remote' ? chosen : tmpdir();
}

function remotePlace(remote: Remote, stage: string): RestorePlace {
  const { plan, host, server } = remote;
  const here = { ...plan, destination: join(stage, 'd') };
  let outside: { readonly from: string; readonly to: string } | null = null;
  return {
    kind: 'remote',
    plan: here,
    check: (staging) => checkRemote(remote, staging),
    prepare: async (_, wal) => {
      if (wal !== null) await checkRoom([{ ...wal, directory: stage }]);
      await mkdir(here.destination, { mode: 0o700 });
      for (const path of [plan.destination, ...plan.tablespaces.map((space) => space.path)]) {
        await told(`unable to initialise the directory '${path}'`, () => host.makeDirectory(path, 0o700));
      }
    },
    walDirectory: (walDirectory) => {
      const below = relative(plan.destination, walDirectory);
      if (!below.startsWith('..')) return join(here.destination, below);
      outside = { from: join(stage, 'wal'), to: walDirectory };
      return outside.from;
    },
    copyBaseBackup: (base) => copyBaseThere(remote, base, { lists: join(stage, 'lists'), standIn: here.destination }),
    publish: async () => {
      await push(remote, host, { source: `${here.destination}/`, destination: `${plan.destination}/` });
      if (outside !== null) {
        const { to } = outside;
        await told(`unable to initialise WAL destination directory '${to}'`, () => host.makeDirectory(to, 0o700));
        await push(remote, host, { source: `${outside.from}/`, destination: `${to}/` });
      }
      await flush(host);
      const source = join(sourceOfData(server, plan.info), CONTROL_FILE);
      await push(remote, host, { source, destination: join(plan.destination, CONTROL_FILE) });
      await flush(host);
    },
  };
}

async function checkRemote({ plan, host, command }: Remote, staging: string | null): Promise<void> {
  const answer = await host.run(['true']).catch((error: unknown) => {
    if (error instanceof CommandError) return null;
    throw error;
  });
  if (answer?.code !== 0) {
    const said = answer?.stderr.trim() ?? '';
    throw new RecoveryError(
      `Unable to connect to the target host using the command '${command}'`,
      said === '' ? {} : { hint: said },
    );
  }
  const isEmpty = async (path: string) =>
    told(`Cannot look into '${path}'`, async () => ((await host.list(path)) ?? []).length === 0);
  if (!(await isEmpty(plan.destination))) {
    throw new RecoveryError(
      `The restore operation cannot proceed because the destination folder '${plan.shownDestination}' is not empty. ${ADVICE}`,
    );
  }
  for (const { path, location, name } of plan.tablespaces) {
    if (await isEmpty(path)) continue;
    throw new RecoveryError(
      `The restore operation cannot proceed. The destination path '${location}' for the tablespace '${name}' is not empty. ${ADVICE.replace('the destination', 'the tablespace destination')}`,
    );
  }
  if (staging !== null && !(await isEmpty(staging))) {
    throw new RecoveryError(`Cannot stage WAL files in '${staging}': it is not empty`, {
      hint: 'it is removed when the recovery ends: give a directory of its own with --staging-wal-directory',
    });
  }
  refuseNested(plan);
}

function refuseNested({ destination, tablespaces }: RecoveryPlan): void {
  const isWithin = (path: string, directory: string) => !relative(directory, path).startsWith('..');
  for (const { name, location, path } of tablespaces) {
    const others = tablespaces.filter((other) => other.name !== name).map((other) => other.path);
    if (isWithin(destination, path) || isWithin(path, destination) || others.some((other) => isWithin(path, other))) {
      throw new RecoveryError(
        `Cannot restore tablespace '${name}' into '${location}': it overlaps with another directory of the restore`,
        { hint: `give it a directory of its own with --tablespace ${name}:DIRECTORY` },
      );
    }
  }
}

/** Exit 0 means that it survives a power cut over there, too. */
async function flush(host: Executor): Promise<void> {
  const { code, stderr } = await host.run(['sync']);
  if (code !== 0) throw new RecoveryError(`the target host cannot flush its disks: ${stderr.trim()}`);
}
