/** The files of a put-wal stream on their way in: hidden in `incoming`, with their checksums. */
import { createHash, type Hash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createNew, unlinkIfPresent } from '../../host/files.ts';
import { readTar, type TarMember } from '../../codec/tar-reader.ts';
import { parseChecksums } from '../../domain/text/checksum-list.ts';
import { WalError } from '../../domain/errors.ts';
import { parseWalName, type WalFile } from '../../domain/wal/wal.ts';
import { streamOf } from '../content/content.ts';
import type { PutRun } from './put-run.ts';

export interface Arrival {
  readonly file: WalFile;
  /** `incoming/.PID-NAME`, the reference's name for it: the archiver passes over hidden files. */
  readonly temporary: string;
  readonly handle: FileHandle;
  readonly sha256: string;
  /** Removes the temporary name. */
  discard(): Promise<unknown>;
}

export interface Arrivals {
  readonly files: Arrival[];
  /** The last list of checksums that came. */
  sums: { readonly algorithm: 'sha256' | 'md5'; readonly of: ReadonlyMap<string, string> } | undefined;
}

/** Far more than a client sends, which is one file and its checksum. */
const MAX_MEMBERS = 256;
/** The largest segment is 1 GiB; what cannot be compressed grows by less than this. Bytes. */
const MAX_FILE = 1_073_741_824 + 16_777_216;
const MAX_LIST = 1_048_576;
/** Time without a single byte after which the sender is taken to be gone, ms. */
const PATIENCE = 600_000;

const LISTS: Readonly<Record<string, 'sha256' | 'md5'>> = { SHA256SUMS: 'sha256', MD5SUMS: 'md5' };

/** Receives the whole stream into `arrivals`; the caller discards them. @throws WalError for a member that has no business here */
export async function receiveArrivals(run: PutRun, source: Readable, arrivals: Arrivals): Promise<void> {
  const stop = endWithSignalOrSilence(run, source);
  try {
    const names = new Set<string>();
    for await (const member of readTar(source, MAX_MEMBERS)) {
      const name = admittedName(run, member, names);
      const algorithm = LISTS[name];
      if (algorithm === undefined) {
        arrivals.files.push(await receiveFile(run, name, member));
      } else {
        arrivals.sums = { algorithm, of: await readList(run, member) };
      }
    }
  } finally {
    stop();
  }
}

/** The sender may die without closing anything; what it sent so far must not lie around for ever. */
function endWithSignalOrSilence(run: PutRun, source: Readable): () => void {
  const { signal } = run.scope;
  const silence = setTimeout(() => {
    source.destroy(new WalError(`nothing arrived for ${PATIENCE / 1000} seconds${run.where}`));
  }, PATIENCE);
  const onData = () => silence.refresh();
  const onAbort = () => source.destroy(Object.assign(new Error('stopped by a signal'), { name: 'AbortError' }));
  source.on('data', onData).pause();
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  return () => {
    clearTimeout(silence);
    source.off('data', onData);
    signal.removeEventListener('abort', onAbort);
  };
}

function admittedName(run: PutRun, member: TarMember, seen: Set<string>): string {
  const name = member.name.replace(/^\.\//, '');
  if (member.type !== '0' && member.type !== '7') {
    throw new WalError(`Unsupported file type 'b'${member.type}'' for file '${name}'${run.where}`);
  }
  // compat 3.20.1: any name without a slash is taken there, hidden ones included.
  if (LISTS[name] === undefined && parseWalName(name) === undefined) {
    throw new WalError(`Unsupported filename '${name}'${run.where}`);
  }
  if (seen.has(name)) throw new WalError(`Duplicate file '${name}'${run.where}`);
  seen.add(name);
  return name;
}

async function readList(run: PutRun, member: TarMember): Promise<ReadonlyMap<string, string>> {
  if (member.size > MAX_LIST) throw new WalError(`'${member.name}' is too long (${member.size} bytes)${run.where}`);
  const chunks: Buffer[] = [];
  for await (const chunk of member.content) chunks.push(chunk);
  const { sums, bad } = parseChecksums(Buffer.concat(chunks).toString('utf8'));
  for (const line of bad) run.scope.output.warning(`Bad checksum line '${line}' found${run.where}`);
  return sums;
}

async function receiveFile(run: PutRun, name: string, member: TarMember): Promise<Arrival> {
  const file = parseWalName(name);
  if (file === undefined || member.size > MAX_FILE) {
    throw new WalError(`file '${name}' is too large (${member.size} bytes)${run.where}`);
  }
  const temporary = join(run.scope.config.incomingWalsDirectory, `.${process.pid}-${name}`);
  // What is there was left by a dead process that had our number.
  await unlinkIfPresent(temporary);
  const handle = await createNew(temporary, 0o666);
  const discard = () => unlinkIfPresent(temporary);
  try {
    const hash = createHash('sha256');
    for await (const chunk of member.content) {
      hash.update(chunk);
      writeAll(handle.fd, chunk);
    }
    if (member.mtime !== null) await handle.utimes(member.mtime, member.mtime);
    return { file, temporary, handle, sha256: hash.digest('hex'), discard };
  } catch (error) {
    await handle.close();
    await discard();
    throw error;
  }
}

/** Into the page cache: several times faster than through the thread pool for pieces of this size. */
function writeAll(descriptor: number, chunk: Buffer): void {
  for (let offset = 0; offset < chunk.length;) offset += writeSync(descriptor, chunk, offset);
}

/** Every file has its checksum and every checksum its file. False when not, and that was said. */
export async function verifyChecksums(run: PutRun, { files, sums }: Arrivals): Promise<boolean> {
  const problems: string[] = [];
  const received = new Set(files.map(({ file }) => file.name));
  for (const name of sums?.of.keys() ?? []) {
    if (!received.has(name)) problems.push(`Checksum without corresponding file '${name}'`);
  }
  for (const arrival of files) {
    const { name } = arrival.file;
    const expected = sums?.of.get(name);
    if (sums === undefined || expected === undefined) {
      problems.push(`Missing checksum for file '${name}'`);
      continue;
    }
    const actual = sums.algorithm === 'sha256' ? arrival.sha256 : await md5Of(arrival.handle);
    if (actual !== expected) problems.push(`Bad file checksum '${actual}' (should be ${expected}) for file '${name}'`);
  }
  if (files.length === 0 && problems.length === 0) problems.push('No WAL file');
  for (const problem of problems) run.scope.output.error(`${problem}${run.where}`);
  return problems.length === 0;
}

async function md5Of(handle: FileHandle): Promise<string> {
  const hash: Hash = createHash('md5');
  for await (const chunk of streamOf(handle) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
