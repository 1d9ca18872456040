/** Everything that receive-wal needs, tried one after the other without receiving anything: `receive-wal --test`. A command of our own. */
import { open, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '../host/files.ts';
import type { Verdict } from '../domain/check-verdicts.ts';
import { prettySize } from '../domain/text/size.ts';
import { obstacleLine, slotObstacle, usedSlot } from '../domain/wal/stream-obstacle.ts';
import { segmentSizeOf, type ServerStatus } from '../server/server-status.ts';
import { checkClientProgram } from './client-program.ts';
import { checkStreaming, checkSystemId, checkWalLevel, unknownSlot } from './postgres.ts';
import type { CheckRun } from './scope.ts';
import { holderOf } from '../server/locks.ts';
import { obstacleToStart } from '../wal/receive/start.ts';

/** pg_receivewal fills a segment before it writes into it, and begins the next one while we archive this one. */
const SEGMENTS_OF_ROOM = 4;

export async function checkReceiver(run: CheckRun): Promise<void> {
  const { scope } = run;
  const { config } = scope;
  const isOn = await run.check('streaming_archiver', () =>
    config.streamingArchiver && scope.role.collects
      ? { ok: true }
      : { ok: false, hint: `set "streaming_archiver = on" in the section [${scope.name}] of the configuration` },
  );
  if (!isOn) return;
  const status = await scope.status();
  const holder = await holderOf(scope, 'receive');
  await checkStreaming(run, status, '');
  if (status.replication.reach === 'open') {
    await checkWalLevel(run, status, '');
    await checkSystemId(run, status, '');
    await checkSenders(run, status);
    await run.check('replication slot', () => judgeSlot(run, status, holder !== undefined));
    if (holder === undefined) {
      await run.check('received WAL', async () => {
        const obstacle = await obstacleToStart(scope, status);
        return obstacle && { ok: false, hint: obstacleLine(obstacle, scope.name) };
      });
    }
  }
  await checkClientProgram(
    run,
    'pg_receivexlog',
    `install the client programs of PostgreSQL, or set path_prefix in the section [${scope.name}] to the directory of pg_receivewal`,
  );
  await checkDirectory(run, status);
  await run.check('receive-wal lock', () => ({
    ok: true,
    hint: holder === undefined ? 'free' : `held: receive-wal runs with pid ${holder.pid ?? 'unknown'}`,
  }));
}

/** The connection that asks is a sender itself: that it was let in leaves room for at least one. */
async function checkSenders({ scope, check }: CheckRun, status: ServerStatus): Promise<void> {
  const { postgres } = scope;
  const limit = Number(status.sql.settings?.maxWalSenders);
  if (postgres === null || !Number.isSafeInteger(limit)) return;
  await check('max_wal_senders', async () => {
    const [row] = await postgres.query<{ used: number }>('SELECT count(*)::int AS used FROM pg_stat_replication');
    return { ok: true, hint: `${row?.used ?? 0} of ${limit} in use` };
  });
}

function judgeSlot({ scope }: CheckRun, status: ServerStatus, isRunning: boolean): Verdict {
  const { slotName, createSlot } = scope.config;
  if (slotName === null) {
    return { ok: true, hint: 'slot_name is not set: PostgreSQL may remove WAL before it was streamed' };
  }
  const { slot, reach } = status.sql;
  if (reach !== 'open') return unknownSlot(status);
  const obstacle = slotObstacle(slotName, slot);
  if (obstacle?.cause === 'no slot' && createSlot === 'auto') {
    return { ok: true, hint: `'${slotName}' will be created (create_slot = auto)` };
  }
  if (obstacle !== null) return { ok: false, hint: obstacleLine(obstacle, scope.name) };
  if (slot?.active !== true) return { ok: true };
  if (isRunning) return { ok: true, hint: `'${slotName}' is used by the receive-wal that runs` };
  return { ok: false, hint: obstacleLine(usedSlot(slotName), scope.name) };
}

async function checkDirectory({ scope, check }: CheckRun, status: ServerStatus): Promise<void> {
  const directory = scope.config.streamingWalsDirectory;
  await check('streaming directory', async () => {
    await makeDirectory(directory);
    // Hidden files are nobody's WAL.
    const probe = join(directory, `.${process.pid}-test`);
    const handle = await open(probe, 'wx', 0o600);
    try {
      await handle.writeFile('test');
      await handle.sync();
    } finally {
      await handle.close();
      await unlink(probe);
    }
    const { bavail, bsize } = await statfs(directory);
    const free = bavail * bsize;
    if (free >= SEGMENTS_OF_ROOM * segmentSizeOf(status)) return { ok: true, hint: `${prettySize(free)} free` };
    return { ok: false, hint: `only ${prettySize(free)} are free: make space in '${directory}'` };
  });
}
