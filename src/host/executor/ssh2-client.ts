/**
 * A connection of the library ssh2, made as the user's OpenSSH would make it: host, port, user, keys, agent and known
 * hosts come from `ssh -G`. What the library cannot do as OpenSSH does it is left to OpenSSH.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { AnyAuthMethod, Client, ConnectConfig, ServerHostKeyAlgorithm } from 'ssh2';
import { ConfigError, errnoOf } from '../../domain/errors.ts';
import type { Command } from '../executor.ts';
import { filesOf, type HostKey, knownKeys } from './known-hosts.ts';
import { settingOf, type SshSettings } from './ssh-config.ts';

/** Options of ssh(1) that take a value. */
const WITH_VALUE = /^-[^-]*[BbcDEeFIiJLlmOopQRSWw]$/;
/** Ways of getting there that are OpenSSH's alone. */
const ONLY_OPENSSH = ['proxycommand', 'proxyjump', 'controlpath', 'pkcs11provider', 'remotecommand', 'certificatefile'];
const READY_TIMEOUT = 30_000;
const KEEPALIVE_INTERVAL = 15_000;
const KEEPALIVE_COUNT = 4;

/** The library is optional: most sites use OpenSSH. @throws ConfigError when it is not installed */
export async function loadSsh2(load = () => import('ssh2')): Promise<typeof import('ssh2')> {
  try {
    return (await load()).default;
  } catch (cause) {
    if (!/^(?:ERR_)?MODULE_NOT_FOUND$/.test(errnoOf(cause) ?? '')) throw cause;
    throw new ConfigError('ssh_transport = ssh2 needs the library ssh2, which is not installed', {
      cause,
      hint: 'run "npm install ssh2" in the folder that holds package.json, or set ssh_transport = openssh',
    });
  }
}

/** True for `ssh [options] HOST` and nothing else: no program in front, no command behind. */
export function isPlainSsh([program, ...words]: Command): boolean {
  if (basename(program) !== 'ssh') return false;
  let hosts = 0;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] as string;
    if (!word.startsWith('-')) hosts += 1;
    else if (WITH_VALUE.test(word)) at += 1;
  }
  return hosts === 1;
}

/** How to connect; undefined for what OpenSSH has to do: jump hosts, unknown hosts, keys with a passphrase ... */
export async function ssh2Config(settings: SshSettings, env: NodeJS.ProcessEnv): Promise<ConnectConfig | undefined> {
  if (ONLY_OPENSSH.some((name) => (settingOf(settings, name) ?? 'none') !== 'none')) return undefined;
  const known = await knownKeys(settings, env);
  // The first contact adds the host to known_hosts, or asks: that is OpenSSH's business.
  if (known === undefined || known.length === 0) return undefined;
  const algorithms = [...new Set(known.flatMap(algorithmsOf))];
  const username = settingOf(settings, 'user') ?? '';
  const methods = await authentication(settings, env, username);
  if (algorithms.length === 0 || methods.length === 0) return undefined;
  const interval = Number(settingOf(settings, 'serveraliveinterval') ?? 0) * 1000;
  return {
    host: settingOf(settings, 'hostname') ?? '',
    port: Number(settingOf(settings, 'port') ?? 22),
    username,
    authHandler: methods,
    algorithms: { serverHostKey: algorithms },
    hostVerifier: (offered: Buffer) => known.some(({ key }) => key.equals(offered)),
    readyTimeout: READY_TIMEOUT,
    keepaliveInterval: interval || KEEPALIVE_INTERVAL,
    keepaliveCountMax: interval ? Number(settingOf(settings, 'serveralivecountmax') ?? 3) : KEEPALIVE_COUNT,
  };
}

function algorithmsOf({ type }: HostKey): ServerHostKeyAlgorithm[] {
  switch (type) {
    case 'ssh-rsa':
      return ['rsa-sha2-512', 'rsa-sha2-256'];
    case 'ssh-ed25519':
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521':
      return [type];
    default:
      return [];
  }
}

/** The agent, unless only certain identities may be offered; then each identity file that opens without a question. */
async function authentication(
  settings: SshSettings,
  env: NodeJS.ProcessEnv,
  username: string,
): Promise<AnyAuthMethod[]> {
  const ssh2 = await loadSsh2();
  const methods: AnyAuthMethod[] = [];
  const agent = settingOf(settings, 'identityagent') ?? env.SSH_AUTH_SOCK;
  if (agent?.startsWith('/') && settingOf(settings, 'identitiesonly') !== 'yes') {
    methods.push({ type: 'agent', username, agent });
  }
  for (const file of filesOf(settings, 'identityfile')) {
    const text = await readFile(file).catch(() => undefined);
    if (text === undefined) continue;
    const key = ssh2.utils.parseKey(text);
    if (!(key instanceof Error)) methods.push({ type: 'publickey', username, key: text });
  }
  return methods;
}

/** Connects. @throws whatever the library met: OpenSSH will say it in its own words */
export async function connectSsh2(config: ConnectConfig, signal: AbortSignal): Promise<Client> {
  const ssh2 = await loadSsh2();
  const client = new ssh2.Client();
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      client.end();
      reject(new Error('given up'));
    };
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    client.once('ready', () => {
      signal.removeEventListener('abort', giveUp);
      resolve(client);
    });
    client.on('error', reject);
    client.once('close', () => reject(new Error('the connection was closed')));
    client.connect(config);
  });
}
