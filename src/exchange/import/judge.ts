/** Whether what an import gathered is a backup of this server that can be restored: asked before anybody can see it. */
import { exists } from '../../host/files.ts';
import type { Identity } from '../../catalog/catalog.ts';
import { openSystems } from '../../catalog/systems.ts';
import { parseIdentity } from '../../catalog/identity.ts';
import { isCopyDone, type BackupInfo } from '../../domain/backup/backup-info.ts';
import { layoutOf, obstacleTo } from '../../domain/backup/backup-layout.ts';
import { parseBackupInfo } from '../../domain/backup/backup-info-file.ts';
import { BackupError, messageOf } from '../../domain/errors.ts';
import { inParallel } from '../../domain/in-parallel.ts';
import { isSegmentOfSize } from '../../domain/wal/wal-range.ts';
import { countSegments, parseWalName, segmentRange } from '../../domain/wal/wal.ts';
import { parseWalLine, type WalRecord } from '../../domain/wal/xlogdb.ts';
import type { CommandContext } from '../../server/context.ts';
import type { ServerScope } from '../../server/scope.ts';
import { openWal } from '../../wal/content/content.ts';
import { glanceAt, type HeldWal, type JudgeFacts, judgeTwins } from '../../wal/content/judge.ts';
import { type Staging, stagedWal, type TextName } from './staging.ts';

export interface Judged {
  readonly info: BackupInfo;
  readonly records: readonly WalRecord[];
}

const bad = (text: string) => new BackupError(text, { level: 'exception' });

/** identity.json of the archive against that of the server; the version only warns. */
export function judgeIdentity(ctx: CommandContext, bytes: Buffer, local: Identity): void {
  let theirs: Identity;
  try {
    theirs = parseIdentity(bytes.toString('utf8'));
  } catch (cause) {
    throw new BackupError('Exported tarball contains an identity.json that cannot be read', {
      cause,
      level: 'exception',
    });
  }
  if (theirs.systemid !== local.systemid) {
    throw bad(
      `Server identity mismatch: exported backup has systemid '${theirs.systemid}' but target server has systemid '${local.systemid}'`,
    );
  }
  if (theirs.version !== local.version) {
    ctx.output.warning(
      `PostgreSQL version mismatch: exported backup has version '${theirs.version}' but target server has version '${local.version}'`,
    );
  }
}

export function judgeRecord(
  into: ServerScope,
  bytes: Buffer,
  backupId: string,
  path: string,
  local: Identity,
): BackupInfo {
  let info: BackupInfo;
  try {
    info = parseBackupInfo(new TextDecoder('utf-8', { fatal: true }).decode(bytes), backupId, path);
  } catch (error) {
    throw bad(`Failed to load backup.info: ${messageOf(error)}`);
  }
  const refuse = (why: string) => bad(`Cannot import backup '${backupId}': ${why}`);
  if (info.status !== 'DONE' || !isCopyDone(info)) throw refuse(`backup status is '${info.status}', expected 'DONE'`);
  const obstacle = obstacleTo('import', layoutOf(info, into.catalog.layout), { backup: backupId, server: into.name });
  if (obstacle !== null) throw bad(obstacle.words);
  if (info.systemid !== null && info.systemid !== local.systemid) {
    throw refuse(`its backup.info is of the PostgreSQL system '${info.systemid}'`);
  }
  return info;
}

/** Everything that can only be told when the whole archive was read. */
export async function judgeWhole(scope: ServerScope, staging: Staging, info: BackupInfo): Promise<Judged> {
  if (!staging.hasData) throw bad("Exported tarball does not contain a 'backup/' directory");
  if (staging.wals.length === 0) throw bad("Exported tarball does not contain a 'wals/' directory");
  const records = requiredRecords(staging, info);
  if (!(await exists(`${staging.path}/backup/data`)))
    throw bad("Exported tarball does not contain a 'backup/data' directory");
  await refuseUnsound(scope, staging, info, records);
  await refuseConflicts(scope, staging, records);
  return { info, records };
}

export function text(staging: Staging, name: TextName): Buffer {
  const bytes = staging.texts.get(name);
  if (bytes !== undefined) return bytes;
  throw bad(`Exported tarball does not contain ${name === 'identity.json' ? name : `a '${name}' file`}`);
}

/** The WAL of the archive is that from begin to end of the backup, each segment with its line. */
function requiredRecords(staging: Staging, info: BackupInfo): readonly WalRecord[] {
  const lines = text(staging, 'xlog.db')
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '');
  const parsed = lines.map((line) => parseWalLine(line));
  const byName = new Map(parsed.map((record) => [record?.name, record]));
  if (byName.size !== lines.length || byName.has(undefined)) throw bad('Exported tarball contains a damaged xlog.db');
  const [begin, end] = [parseWalName(info.beginWal ?? ''), parseWalName(info.endWal ?? '')];
  const isRange =
    begin !== undefined &&
    end !== undefined &&
    begin.timeline === end.timeline &&
    [begin, end].every((file) => isSegmentOfSize(file, info.xlogSegmentSize)) &&
    countSegments(begin, end, info.xlogSegmentSize) === staging.wals.length;
  const wanted = isRange ? [...segmentRange(begin, end, info.xlogSegmentSize)] : [];
  const sizes = new Map(staging.wals.map(({ name, size }) => [name, size]));
  if (!isRange || byName.size !== wanted.length || !wanted.every((name) => sizes.has(name) && byName.has(name))) {
    throw bad(
      `Exported tarball does not contain exactly the WAL that makes the backup consistent: ${info.beginWal} to ${info.endWal}`,
    );
  }
  return wanted.flatMap((name) => byName.get(name) ?? []);
}

/** Each segment is what its name says and of the system of the backup, as far as its first bytes tell. */
async function refuseUnsound(
  scope: ServerScope,
  staging: Staging,
  { systemid }: BackupInfo,
  records: readonly WalRecord[],
): Promise<void> {
  const isKnown = async (id: string) => systemid === null || id === systemid;
  const facts: JudgeFacts = { settings: scope.codecs, systems: { current: systemid, isKnown } };
  await inParallel(records, 4, async ({ name }) => {
    const wal = parseWalName(name);
    if (wal === undefined) return;
    const held = await holdWal(stagedWal(staging.path, name));
    try {
      const { problem } = await glanceAt(wal, held, facts);
      if (problem !== null) throw bad(`Exported tarball cannot be imported: its WAL file '${name}' ${problem}`);
    } finally {
      await held.handle.close();
    }
  });
}

async function holdWal(path: string): Promise<HeldWal> {
  const handle = await openWal(path);
  return { handle, stats: await handle.stat({ bigint: true }) };
}

/** Names told before the rest is counted. */
const TOLD = 10;

async function refuseConflicts(scope: ServerScope, staging: Staging, records: readonly WalRecord[]): Promise<void> {
  const conflicts = await conflicting(scope, staging.path, records);
  const sizes = new Map(staging.wals.map(({ name, size }) => [name, size]));
  if (conflicts.length === 0) {
    const wrong = records.find(({ name, size }) => sizes.get(name) !== size);
    if (wrong !== undefined) throw bad(`Exported tarball lists ${wrong.name} with another size than it has`);
    return;
  }
  const more = conflicts.length > TOLD ? ` (and ${conflicts.length - TOLD} more)` : '';
  throw bad(
    `WAL file(s) already exist in target server with conflicting content: ${conflicts.slice(0, TOLD).join(', ')}${more}`,
  );
}

/** Names of the archive that hold, or are listed as, something else. */
export async function conflicting(
  scope: ServerScope,
  staging: string,
  records: readonly WalRecord[],
): Promise<readonly string[]> {
  const listed = new Map<string, WalRecord>();
  const wanted = new Set(records.map(({ name }) => name));
  await scope.catalog.readWals((record) => void (wanted.has(record.name) && listed.set(record.name, record)), {
    from: records[0]?.name ?? '',
  });
  const found: string[] = [];
  for (const record of records) {
    const line = listed.get(record.name);
    const isSameLine = line === undefined || line.compression !== record.compression || line.size === record.size;
    if (!isSameLine || !(await isFree(scope, staging, record.name))) found.push(record.name);
  }
  return found;
}

/** The archive has no such file, or one that holds the same, or more. */
async function isFree(scope: ServerScope, staging: string, name: string): Promise<boolean> {
  const wal = parseWalName(name);
  const found = await scope.catalog.walStore.open(name);
  if (wal === undefined || found === undefined || found === 'no file') return found === undefined;
  try {
    const staged = await holdWal(stagedWal(staging, name));
    try {
      const facts = { settings: scope.codecs, systems: await openSystems(scope.catalog) };
      return (await judgeTwins(wal, staged, found, 'archived', facts)).verdict === 'held';
    } finally {
      await staged.handle.close();
    }
  } finally {
    await found.handle.close();
  }
}
