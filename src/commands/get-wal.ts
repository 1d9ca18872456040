/**
 * `barman get-wal SERVER WAL`: what restore_command calls. Exit codes: 1 not found, 3 bad name or output.
 * Source: docs/behaviour/wal.md 8, cli.md 4.16.
 */
import { constants } from 'node:fs';
import { type FileHandle, rename, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { openNoFollow, syncDirectory, unlinkIfPresent } from '../host/files.ts';
import { errnoOf, messageOf } from '../domain/errors.ts';
import { parseWalName } from '../domain/wal/wal.ts';
import type { CommandContext } from '../server/context.ts';
import { selectServer } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { withServer } from '../server/with-server.ts';
import { sinkOf } from '../wal/content/content.ts';
import { type Delivery, deliverWal, findWal, type FoundWal, peekWals } from '../wal/fetch.ts';
import { originOf } from '../server/origin.ts';

export interface GetWalOptions {
  readonly serverName: string;
  readonly walName: string;
  readonly outputDirectory?: string;
  readonly partial?: boolean;
  readonly gzip?: boolean;
  readonly bzip2?: boolean;
  readonly keepCompression?: boolean;
  readonly peek?: number;
  readonly test?: boolean;
}

/** Exit code of a bad name and of an output that cannot be opened: restore_command scripts tell it from "not found". */
const CANNOT = 3;

export async function run(ctx: CommandContext, options: GetWalOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'sound');
  if (server === undefined) return;
  if (options.test) {
    ctx.output.info(`Ready to retrieve WAL files from the server ${server.name}`);
    return;
  }
  const delivery = chooseDelivery(options);
  if (options.keepCompression && delivery !== 'keep') {
    ctx.output.error(`argument \`${delivery}\` not allowed with argument \`keep-compression\``);
    return;
  }
  await withServer(ctx, server, (scope) => getWal(scope, options, delivery), { offline: true });
}

/** Of gzip and bzip2 the one that was typed last: the keys of the options are in that order. */
function chooseDelivery(options: GetWalOptions): Delivery {
  const typed = Object.keys(options).findLast((key) => key === 'gzip' || key === 'bzip2');
  if (typed === 'gzip' || typed === 'bzip2') return typed;
  return options.keepCompression ? 'keep' : 'plain';
}

async function getWal(scope: ServerScope, options: GetWalOptions, delivery: Delivery): Promise<void> {
  const origin = originOf(scope.env);
  const file = parseWalName(options.walName);
  if (file === undefined) {
    scope.output.error(`'${options.walName}' is not a valid wal file name${origin}`, { exitCode: CANNOT });
    return;
  }
  if (options.peek !== undefined) {
    for (const name of await peekWals(scope, file, options.peek)) scope.output.info(name);
    return;
  }
  const find = () => findWal(scope, file, { partial: options.partial === true, origin });
  if (options.outputDirectory === undefined) {
    await deliver(scope, options, await find(), async (found) => {
      scope.log
        .named('barman.server')
        .info(`Sending WAL '${basename(found.path)}' for server '${scope.name}' to standard output${origin}`);
      await deliverWal(scope, found, delivery, process.stdout, { end: false });
    });
    return;
  }
  const destination = await openDestination(scope, join(options.outputDirectory, file.name), origin);
  if (destination === undefined) return;
  try {
    await deliver(scope, options, await find(), async (found) => {
      scope.output.info(
        `Sending WAL '${basename(found.path)}' for server '${scope.name}' into '${destination.path}' file${origin}`,
      );
      await deliverWal(scope, found, delivery, sinkOf(destination.handle), { end: true });
      await publish(destination);
    });
  } finally {
    await destination.handle.close();
    await unlinkIfPresent(destination.temporary);
  }
}

async function deliver(
  scope: ServerScope,
  options: GetWalOptions,
  found: FoundWal | undefined,
  send: (found: FoundWal) => Promise<void>,
): Promise<void> {
  if (found === undefined) {
    scope.output.error(`WAL file '${options.walName}' not found in server '${scope.name}'${originOf(scope.env)}`);
    return;
  }
  try {
    await send(found);
  } finally {
    await found.handle.close();
  }
}

interface Destination {
  readonly path: string;
  readonly temporary: string;
  readonly handle: FileHandle;
}

const ERRNO: Readonly<Record<string, readonly [number: number, words: string]>> = {
  ENOENT: [2, 'No such file or directory'],
  EACCES: [13, 'Permission denied'],
  ENOTDIR: [20, 'Not a directory'],
  EISDIR: [21, 'Is a directory'],
  ENOSPC: [28, 'No space left on device'],
  EROFS: [30, 'Read-only file system'],
};

/**
 * The file appears under its name when it is complete. compat 3.20.1: there it is opened and cut first, so that a WAL that
 * is not found leaves an empty file.
 */
async function openDestination(ctx: CommandContext, path: string, origin: string): Promise<Destination | undefined> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    if ((await stat(path).catch(() => undefined))?.isDirectory()) {
      throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
    }
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
    return { path, temporary, handle: await openNoFollow(temporary, flags, 0o666) };
  } catch (error) {
    const known = ERRNO[errnoOf(error) ?? ''];
    const reason = known ? `[Errno ${known[0]}] ${known[1]}: '${path}'` : messageOf(error);
    ctx.output.error(`Unable to open '${path}' file${origin}: ${reason}`, { exitCode: CANNOT });
    return undefined;
  }
}

async function publish({ path, temporary, handle }: Destination): Promise<void> {
  await handle.sync();
  await rename(temporary, path);
  await syncDirectory(join(path, '..'));
}
