/** Which host keys the user knows, asked of ssh-keygen(1), which reads hashed names and patterns as ssh does. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { run } from '../process/run.ts';
import { settingOf, type SshSettings } from './ssh-config.ts';

export interface HostKey {
  /** `ssh-ed25519`, `ssh-rsa` ... */
  readonly type: string;
  readonly key: Buffer;
}

/** Paths of an option that lists files, `~` expanded. */
export function filesOf(settings: SshSettings, name: string): string[] {
  const words = (settings.get(name) ?? []).flatMap((value) => value.split(' '));
  return words.map((word) => word.replace(/^~(?=\/)/, homedir())).filter((path) => path.startsWith('/'));
}

/** The keys of the host that these settings lead to; undefined when one is revoked or vouched for by an authority. */
export async function knownKeys(settings: SshSettings, env: NodeJS.ProcessEnv): Promise<HostKey[] | undefined> {
  const name = settingOf(settings, 'hostkeyalias') ?? settingOf(settings, 'hostname') ?? '';
  const port = settingOf(settings, 'port') ?? '22';
  const wanted = port === '22' ? name : `[${name}]:${port}`;
  const files = [...filesOf(settings, 'userknownhostsfile'), ...filesOf(settings, 'globalknownhostsfile')];
  const keys: HostKey[] = [];
  for (const file of files.filter((path) => existsSync(path))) {
    const { stdout } = await run('ssh-keygen', ['-F', wanted, '-f', file], { env, timeoutMs: 10_000 });
    for (const line of stdout.split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      if (line.startsWith('@')) return undefined;
      const [, type, key] = line.split(' ');
      if (type !== undefined && key !== undefined) keys.push({ type, key: Buffer.from(key, 'base64') });
    }
  }
  return keys;
}
