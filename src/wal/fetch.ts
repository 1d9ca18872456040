/**
 * Finds a WAL file wherever it is and writes its plain (or wished) form to a stream. Source: docs/behaviour/wal.md 8.
 */
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Duplex, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type KnownSystems, openSystemsLeniently } from '../catalog/systems.ts';
import { compressor, decompressor } from '../codec/compression.ts';
import { exists } from '../host/files.ts';
import { DECRYPTION_HINT, gpgReason } from '../codec/gpg.ts';
import { formatOf } from '../domain/codecs.ts';
import { BarmanError, errnoOf, WalError } from '../domain/errors.ts';
import { parseWalName, segmentName, type WalFile } from '../domain/wal/wal.ts';
import type { StoredForm } from '../domain/wal/wal-content.ts';
import { parseWalHeader, WAL_HEADER_LENGTH } from '../domain/wal/wal-header.ts';
import type { OpenWal } from '../storage/wal-store.ts';
import type { ServerScope } from '../server/scope.ts';
import { decrypted, openWal, streamOf } from './content/content.ts';
import { foreignText, glanceAt } from './content/judge.ts';

/** An open WAL file; the caller closes `handle`. */
export interface FoundWal {
  readonly file: WalFile;
  readonly path: string;
  readonly handle: FileHandle;
  readonly form: StoredForm;
  readonly systems: KnownSystems;
}

export interface FindOptions {
  /** Also take `<name>.partial`. */
  readonly partial: boolean;
  /** Appended to every message: ` (SSH host: 1.2.3.4)` or ''. */
  readonly origin: string;
}

/** How the output is to be compressed: `keep` hands over the stored bytes. */
export type Delivery = 'plain' | 'gzip' | 'bzip2' | 'keep';

/**
 * Opens the first usable copy: archive, incoming, streaming, then the archive again, as the archiver may have moved it
 * meanwhile. A copy that cannot be what its name says is passed over with a warning. Undefined when there is none.
 * @throws WalError for an encrypted file where no passphrase is configured
 */
export async function findWal(scope: ServerScope, file: WalFile, options: FindOptions): Promise<FoundWal | undefined> {
  const settings = scope.codecs;
  const { walStore } = scope.catalog;
  const systems = await openSystemsLeniently(scope.catalog);
  for (const { name, queue } of lookupOrder(scope, file, options.partial)) {
    const path = queue === null ? walStore.locate(name) : join(queue, name);
    const found = await (queue === null ? walStore.open(name) : openQueued(path));
    if (found === undefined || found === 'no file') continue;
    const { handle } = found;
    let isTaken = false;
    try {
      const named = parseWalName(name) ?? file;
      const { form, problem } = await glanceAt(named, found, { settings, systems });
      if (form.encryption !== null && settings.encryptionPassphraseCommand === null) {
        throw new WalError(
          `Encrypted WAL file '${named.name}' detected, but no 'encryption_passphrase_command' is configured. Please set 'encryption_passphrase_command' in the configuration so the correct private key can be identified for decryption.`,
        );
      }
      if (problem === null) {
        isTaken = true;
        return { file: named, path, handle, form, systems };
      }
      scope.output.warning(`WAL file '${path}' ${problem}: passed over${options.origin}`);
    } finally {
      if (!isTaken) await handle.close();
    }
  }
  return undefined;
}

/**
 * Streams the file, decrypted whatever the delivery. Rejects when either end breaks: what was written then must not be used.
 * `end` closes the target at the end. @throws WalError when it cannot be decrypted
 */
export async function deliverWal(
  scope: ServerScope,
  found: FoundWal,
  delivery: Delivery,
  target: Writable,
  options: { readonly end: boolean },
): Promise<void> {
  const settings = scope.codecs;
  const { file, handle, form, path } = found;
  try {
    const { compression, stream } =
      form.encryption === null
        ? { compression: form.compression, stream: streamOf(handle) }
        : await decrypted(handle, settings);
    const stages: (NodeJS.ReadableStream | NodeJS.ReadWriteStream)[] = [stream];
    // What is plain or in gzip was looked at already.
    const isUnseen = form.encryption !== null || (compression !== null && compression !== 'gzip');
    if (isUnseen && compression === null) stages.push(withoutForeign(found));
    const stored = compression === null ? null : formatOf(compression);
    // A partial file is for PostgreSQL to go on with: it is never compressed.
    const wanted = file.kind === 'partial' && delivery !== 'keep' ? 'plain' : delivery;
    if (wanted !== 'keep' && stored !== (wanted === 'plain' ? null : wanted)) {
      if (compression !== null) stages.push(decompressor(compression, settings));
      if (isUnseen && compression !== null) stages.push(withoutForeign(found));
      if (wanted !== 'plain') stages.push(compressor(wanted, settings));
    }
    await pipeline([...stages, target], { end: options.end });
  } catch (error) {
    if (form.encryption === null || error instanceof ForeignWalError || !(error instanceof BarmanError)) throw error;
    throw new WalError(`Encrypted WAL file '${path}' cannot be decrypted: ${gpgReason(error)}`, {
      cause: error,
      hint: error.hint ?? DECRYPTION_HINT,
    });
  }
}

class ForeignWalError extends WalError {}

/** Passes plain content on when its first page is of a system that is known here. Not every form could be looked into before. */
function withoutForeign({ file, path, systems }: FoundWal): Duplex {
  return Duplex.from(async function* (source: AsyncIterable<Buffer>) {
    let head: Buffer | undefined = Buffer.alloc(0);
    for await (const chunk of source) {
      if (head === undefined) {
        yield chunk;
        continue;
      }
      head = Buffer.concat([head, chunk]);
      if (head.length < WAL_HEADER_LENGTH) continue;
      const header = file.kind === 'history' || file.kind === 'label' ? undefined : parseWalHeader(head);
      const problem = header === undefined ? null : await foreignText(header, systems);
      if (problem !== null) throw new ForeignWalError(`WAL file '${path}' ${problem}: it is not handed out`);
      yield head;
      head = undefined;
    }
    if (head !== undefined) yield head;
  });
}

/**
 * Up to `limit` names from `file` on that exist, without gaps. The segment size is not known here: where a name is
 * missing and its number could be the size of a log (4 to 4096), the first segment of the next log is tried, once.
 */
export async function peekWals(scope: ServerScope, file: WalFile, limit: number): Promise<readonly string[]> {
  const isThere = async (candidate: WalFile) => {
    if (await scope.catalog.walStore.has(candidate.name)) return true;
    for (const queue of queuesOf(scope)) if (await exists(join(queue, candidate.name))) return true;
    return false;
  };
  if (!(await isThere(file))) return [];
  const names = [file.name];
  if (file.kind !== 'segment') return names;
  let { log, segment } = file;
  let jumped = false;
  while (names.length < limit) {
    segment += 1;
    let name = segmentName(file.timeline, log, segment);
    if (!(await isThere({ ...file, name, log, segment }))) {
      if (jumped || segment < 4 || segment > 4096 || !Number.isInteger(Math.log2(segment))) break;
      jumped = true;
      log += 1;
      segment = 0;
      name = segmentName(file.timeline, log, segment);
      if (!(await isThere({ ...file, name, log, segment }))) break;
    }
    names.push(name);
  }
  return names;
}

function queuesOf({ config }: ServerScope): readonly [incoming: string, streaming: string] {
  return [config.incomingWalsDirectory, config.streamingWalsDirectory];
}

/** `queue` null: the archive. */
interface Lookup {
  readonly name: string;
  readonly queue: string | null;
}

function lookupOrder(scope: ServerScope, file: WalFile, partial: boolean): readonly Lookup[] {
  const [incoming, streaming] = queuesOf(scope);
  const at = (queue: string | null, name: string = file.name): Lookup => ({ name, queue });
  const complete = [at(null), at(incoming), at(streaming)];
  if (!partial || file.kind !== 'segment') return [...complete, at(null)];
  const name = `${file.name}.partial`;
  return [...complete, at(streaming, name), at(streaming), at(null, name), at(incoming, name), at(null)];
}

async function openQueued(path: string): Promise<OpenWal | undefined> {
  let handle: FileHandle;
  try {
    handle = await openWal(path);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw error;
  }
  const stats = await handle.stat({ bigint: true });
  if (stats.isFile()) return { handle, stats };
  await handle.close();
  return undefined;
}
