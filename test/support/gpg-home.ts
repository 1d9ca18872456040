/** A keyring of its own with one private key behind a passphrase; the agent that gpg starts for it is ended with it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

export interface GpgHome {
  /** GNUPGHOME. */
  readonly path: string;
  readonly recipient: string;
  readonly passphrase: string;
  /** Prints the passphrase; the passphrase is no part of it. */
  readonly passphraseCommand: string;
  readonly env: { readonly GNUPGHOME: string };
  /** The lines of a server that encrypts, and can decrypt. */
  readonly options: string;
  /** Forgets what the agent has unlocked. */
  forget(): Promise<void>;
  /** gpg on this keyring. */
  gpg(...args: readonly string[]): Promise<void>;
  dispose(): Promise<void>;
}

/** `algorithm`: what `gpg --quick-gen-key` calls it. file(1), and so Barman, knows RSA; not the curves. */
export async function makeGpgHome(algorithm: 'rsa1024' | 'cv25519' = 'rsa1024'): Promise<GpgHome> {
  // Short: the path of a socket has a limit.
  const path = await mkdtemp(join(tmpdir(), 'bgpg-'));
  const [recipient, passphrase] = ['barman@example.com', 'never to be seen 4711'];
  const secretFile = join(path, 'secret.txt');
  await writeFile(secretFile, `${passphrase}\n`, { mode: 0o600 });
  const passphraseCommand = `cat ${secretFile}`;
  const env = { GNUPGHOME: path };
  const gpg = async (...args: readonly string[]) => {
    await exec('gpg', ['--batch', '--quiet', '--yes', '--pinentry-mode', 'loopback', ...args], {
      env: { ...process.env, ...env },
    });
  };
  const unlock = ['--passphrase-file', secretFile];
  await gpg(...unlock, '--quick-gen-key', recipient, algorithm === 'cv25519' ? 'ed25519' : algorithm, 'sign', 'never');
  const { stdout } = await exec('gpg', ['--list-keys', '--with-colons'], { env: { ...process.env, ...env } });
  await gpg(...unlock, '--quick-add-key', /^fpr:+([0-9A-F]+):/m.exec(stdout)?.[1] ?? '', algorithm, 'encr', 'never');
  const forget = async () => {
    await exec('gpgconf', ['--homedir', path, '--kill', 'all']);
  };
  return {
    path,
    recipient,
    passphrase,
    passphraseCommand,
    env,
    options: `encryption = gpg\nencryption_key_id = ${recipient}\nencryption_passphrase_command = ${passphraseCommand}`,
    forget,
    gpg,
    dispose: async () => {
      await forget();
      await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
    },
  };
}
