/**
 * gpg(1) as two streams, one that encrypts and one that decrypts: no plain byte touches a disk, and the passphrase only a
 * pipe. The arguments are Barman's, `-` and a descriptor in place of its files. Source: docs/behaviour/wal.md 4.
 */
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { CIPHERS } from '../domain/ciphers.ts';
import { CommandError, messageOf, WalError } from '../domain/errors.ts';
import { howItEnded } from '../host/process/failure.ts';
import { programFilter } from '../host/process/filter.ts';
import { runShell } from '../host/process/run.ts';
import { requireProgram } from './program.ts';
import type { CodecSettings } from './settings.ts';

/** What to look at when gpg cannot decrypt. */
export const DECRYPTION_HINT =
  'the private key must be in the keyring of this user (gpg --list-secret-keys), and encryption_passphrase_command must print its passphrase';

const COMMON = ['--yes', '--batch', '--pinentry-mode', 'loopback'];

/** A stream that encrypts. @throws WalError without a recipient or without gpg */
export function encryptor(settings: CodecSettings): Duplex {
  const recipient = settings.encryptionKeyId;
  if (recipient === null) {
    throw new WalError('A recipient must be specified to encrypt: encryption = gpg, but encryption_key_id is unset', {
      hint: 'set encryption_key_id to a key that "gpg --list-keys" shows',
    });
  }
  const args = [...COMMON, '--compress-level', '0', '--recipient', recipient, '--encrypt', '--output', '-', '-'];
  return programFilter(requireProgram(CIPHERS.gpg.program, settings.searchPath), args, settings.env);
}

/** An error of a stream that encrypts, in words. */
export function encryptionFailure(error: unknown, { encryptionKeyId }: CodecSettings): unknown {
  if (!(error instanceof CommandError)) return error;
  return new WalError(`cannot encrypt for '${encryptionKeyId}': ${gpgReason(error)}`, {
    cause: error,
    hint: `"gpg --list-keys ${encryptionKeyId}" must show, to the user of this program, a valid key that may encrypt; an unknown one is imported with "gpg --import", and trusted with "gpg --edit-key"`,
  });
}

/** Encrypts a few bytes. @throws WalError, CommandError when this host cannot encrypt for the recipient */
export async function tryEncryption(settings: CodecSettings): Promise<void> {
  const stream = encryptor(settings);
  stream.end('test');
  try {
    await buffer(stream);
  } catch (error) {
    throw encryptionFailure(error, settings);
  }
}

/**
 * The content of the open file behind `descriptor`, decrypted. The end of the stream proves that it is all there and
 * genuine; until then its bytes must not be relied upon.
 * @throws WalError without a passphrase or without gpg; the stream fails with CommandError when gpg refuses
 */
export async function decryptor(descriptor: number, settings: CodecSettings): Promise<Duplex> {
  const gpg = requireProgram(CIPHERS.gpg.program, settings.searchPath);
  const secret = await passphrase(settings);
  const args = [...COMMON, '--passphrase-fd', '0', '--decrypt', '--output', '-', '/dev/fd/3'];
  const stream = programFilter(gpg, args, settings.env, descriptor);
  stream.end(`${secret}\n`);
  return stream;
}

/** Asked once for each settings, as a run decrypts many files. */
const passphrases = new WeakMap<CodecSettings, Promise<string>>();

function passphrase(settings: CodecSettings): Promise<string> {
  let known = passphrases.get(settings);
  if (known === undefined) {
    known = askPassphrase(settings);
    passphrases.set(settings, known);
    // The reader sees it; nobody else needs to.
    known.catch(() => {});
  }
  return known;
}

/** Nothing that the command prints, nor the command itself, may be told. */
async function askPassphrase({ encryptionPassphraseCommand: command, env }: CodecSettings): Promise<string> {
  if (command === null) throw new WalError("no 'encryption_passphrase_command' is configured");
  const hint = 'run encryption_passphrase_command by hand, as the user of this program: it has to print the passphrase';
  let result;
  try {
    result = await runShell(command, { env });
  } catch (error) {
    throw new WalError(`encryption_passphrase_command cannot be run: ${messageOf(error)}`, { cause: error, hint });
  }
  if (result.code !== 0) {
    throw new WalError(`encryption_passphrase_command: the command ${howItEnded(result)}`, { hint });
  }
  const text = result.stdout.trim();
  if (text === '')
    throw new WalError('encryption_passphrase_command: The command returned an empty passphrase', { hint });
  return text;
}

/** What gpg said, without the program and its arguments, for a message of our own. */
export function gpgReason(error: unknown): string {
  const words = messageOf(error);
  if (!(error instanceof CommandError)) return words;
  const lines = [...words.matchAll(/gpg: (.*)$/gm)].map(([, line = '']) => line);
  return [...new Set(lines)].filter((line) => !/^encrypted with| created$/.test(line)).join('; ') || words;
}
