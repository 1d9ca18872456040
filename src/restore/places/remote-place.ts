/**
 * A restore onto another host, reached by --remote-ssh-command. Data and tablespaces go there by rsync, straight from the
 * backup; what a restore writes itself is made in a private directory here and follows; global/pg_control goes last, so
 * that a restore that was cut short is never taken for a cluster. Source: docs/behaviour/recovery.md 6.1 and 11.
 */
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Executor } from '../../host/executor.ts';
import { reasonOf } from '../../host/process/failure.ts';
import { findRsync } from '../../transfer/rsync.ts';
import { CommandError, RecoveryError } from '../../domain/errors.ts';
import { judgeRsync, OLDEST_TARGET } from '../../domain/text/rsync-version.ts';
import { openRemoteHost } from '../../server/remote-host.ts';
import type { ServerScope } from '../../server/scope.ts';
import { CONTROL_FILE } from '../control-file.ts';
import { refuseStrangers, safeHorizon } from '../stages/delta.ts';
import { ADVICE } from '../destinations.ts';
import type { RestorePlace } from './place.ts';
import { type RecoveryPlan, sourceOfData } from '../plan.ts';
import { copyBaseThere, push, type Remote, told } from '../stages/remote-copy.ts';
import { checkDeltaThere } from '../stages/remote-delta.ts';
import type { RestoreRequest } from '../request.ts';
import { checkRoom, roomOn } from '../room.ts';
import { stagingFolder, withStage } from '../stage.ts';

/** Runs `body` on a place over there; the directory here and the connection end with it. */
export async function withRemotePlace<T>(
  scope: ServerScope,
  request: RestoreRequest & { readonly remoteSshCommand: string },
  plan: RecoveryPlan,
  body: (place: RestorePlace) => Promise<T>,
): Promise<T> {
  const command = request.remoteSshCommand;
  const env = scope.programEnv;
  const host = await openRemoteHost(scope, command);
  try {
    return await withStage(scope, stagingFolder(scope.config, request), async (stage) => {
      const compress = request.networkCompression ?? scope.config.networkCompression;
      const rsync = await findRsync(scope.searchPath, env);
      return body(remotePlace({ scope, plan, command, host, rsync, compress }, stage));
    });
  } finally {
    await host.close();
  }
}

function remotePlace(remote: Remote, stage: string): RestorePlace {
  const { scope, plan, host } = remote;
  const here = { ...plan, destination: join(stage, 'd') };
  let horizon: number | null = null;
  let outside: { readonly from: string; readonly to: string } | null = null;
  return {
    kind: 'remote',
    plan: here,
    check: (staging) => checkRemote(remote, staging),
    prepare: async (base, wal) => {
      if (wal !== null) await checkRoom([{ ...wal, directory: stage }]);
      // What a delta restore writes depends on what is there: it may be next to nothing.
      if (!plan.delta) await checkRoom([...base.demands, ...(wal ? [wal] : [])], roomOn(host));
      horizon = await safeHorizon(scope, plan, async (path) =>
        (await host.kindOf(path)) === 'file' ? (await host.readFile(path)).toString('utf8') : null,
      );
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
    copyBaseBackup: (base) =>
      copyBaseThere(remote, base, { lists: join(stage, 'lists'), standIn: here.destination }, horizon),
    publish: async () => {
      await push(remote, host, { source: `${here.destination}/`, destination: `${plan.destination}/` });
      if (outside !== null) {
        const { to } = outside;
        await told(`unable to initialise WAL destination directory '${to}'`, () => host.makeDirectory(to, 0o700));
        await push(remote, host, { source: `${outside.from}/`, destination: `${to}/` });
      }
      await flush(host);
      const source = join(sourceOfData(scope, plan.info), CONTROL_FILE);
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
  if (answer.stdout !== '') {
    const [line] = answer.stdout.split('\n');
    throw new RecoveryError(`The login on the target host prints something of its own: '${line}'`, {
      hint: 'rsync needs a silent one: look at the files of the shell there, e.g. ~/.bashrc',
    });
  }
  await refuseUnfitRsync(host);
  const namesIn = (path: string) => told(`Cannot look into '${path}'`, async () => (await host.list(path)) ?? []);
  if ((await namesIn(plan.destination)).length > 0) {
    if (!plan.delta) {
      throw new RecoveryError(
        `The restore operation cannot proceed because the destination folder '${plan.shownDestination}' is not empty. ${ADVICE}`,
      );
    }
    await told(`Cannot look into '${plan.destination}'`, () =>
      checkDeltaThere(host, plan.destination, plan.shownDestination),
    );
  }
  for (const { path, location, name } of plan.tablespaces) {
    const names = await namesIn(path);
    if (names.length === 0) continue;
    if (!plan.delta) {
      throw new RecoveryError(
        `The restore operation cannot proceed. The destination path '${location}' for the tablespace '${name}' is not empty. ${ADVICE.replace('the destination', 'the tablespace destination')}`,
      );
    }
    refuseStrangers(names, path, name);
  }
  if (staging !== null && (await namesIn(staging)).length > 0) {
    throw new RecoveryError(`Cannot stage WAL files in '${staging}': it is not empty`, {
      hint: 'it is removed when the recovery ends: give a directory of its own with --staging-wal-directory',
    });
  }
  refuseNested(plan);
}

/** A host that lets nothing but rsync itself run cannot be asked, and is believed. */
async function refuseUnfitRsync(host: Executor): Promise<void> {
  const { code, stdout } = await host.run(['rsync', '--version']);
  const complaint =
    code === NOT_FOUND
      ? 'rsync is not installed on the target host'
      : code === 0
        ? judgeRsync(stdout, OLDEST_TARGET, 'on the target host')
        : null;
  if (complaint !== null) throw new RecoveryError(complaint, { hint: 'install it there, e.g. apt-get install rsync' });
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

/** What a shell says of a program that it does not have. */
const NOT_FOUND = 127;

/** Exit 0 means that it survives a power cut over there, too. */
async function flush(host: Executor): Promise<void> {
  const result = await host.run(['sync']);
  if (result.code !== 0) throw new RecoveryError(`the target host cannot flush its disks: ${reasonOf(result)}`);
}
