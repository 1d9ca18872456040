/**
 * The configuration files of the restored cluster: made harmless, given the recovery settings, and looked through for what
 * a person has to review. Every original stays beside its file as `.origin`. Source: docs/behaviour/recovery.md 9.
 */
import { lstat, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { createNew, openToRead, syncDirectory, unlinkIfPresent } from '../../host/files.ts';
import {
  appendSettings,
  type ConfigurationReport,
  dangerousSettings,
  mangleSettings,
  type SettingNote,
} from '../../domain/recovery/postgres-conf.ts';
import type { RecoveryPlan } from '../plan.ts';
import { has } from '../../domain/postgres-version.ts';

const EXPECTED = ['postgresql.conf', 'postgresql.auto.conf', 'pg_hba.conf', 'pg_ident.conf'];

/**
 * Rewrites the files. `settings` (may be empty) go behind the recovery file, which is created when it is missing (before
 * PostgreSQL 12: recovery.conf, and only with settings).
 * Durable when the promise resolves.
 */
export async function adaptConfiguration(
  plan: RecoveryPlan,
  settings: readonly string[],
): Promise<ConfigurationReport> {
  const { destination, recoveryFile, version } = plan;
  const missing: string[] = [];
  for (const name of EXPECTED) if (!(await isFile(join(destination, name)))) missing.push(name);
  const names = ['postgresql.conf', ...(has(version, 'autoConf') ? ['postgresql.auto.conf'] : [])];
  const own = has(version, 'recoverySignal') ? recoveryFile : null;
  if (own !== null && !names.includes(own)) names.push(own);

  const changes: SettingNote[] = [];
  const warnings: SettingNote[] = [];
  for (const name of names) {
    const original = await readText(join(destination, name));
    if (original === null && name !== own) continue;
    const mangled = mangleSettings(name, original?.text ?? '');
    const text = appendSettings(mangled.text, name === own ? settings : []);
    changes.push(...mangled.changes);
    warnings.push(...dangerousSettings(name, text));
    await replaceKeepingOrigin(join(destination, name), text, original);
  }
  if (!has(version, 'recoverySignal') && settings.length > 0) {
    const path = join(destination, recoveryFile);
    await writeNew(path, Buffer.from(appendSettings('', settings)), 0o600);
  }
  await syncDirectory(destination);
  return { changes, warnings, missing };
}

/**
 * Creates recovery.signal or standby.signal. A backup taken from a standby brings its standby.signal along, which would
 * win over recovery.signal: it is set aside.
 */
export async function createSignal(destination: string, name: string): Promise<void> {
  for (const other of ['recovery.signal', 'standby.signal']) {
    const path = join(destination, other);
    if (other === name) await unlinkIfPresent(path);
    else if (await isFile(path)) await rename(path, `${path}.origin`);
  }
  await writeNew(join(destination, name), Buffer.alloc(0), 0o600);
  await syncDirectory(destination);
}

interface ConfigText {
  readonly text: string;
  readonly encoding: 'utf8' | 'latin1';
  /** Permission bits. */
  readonly mode: number;
}

async function isFile(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.isFile() === true;
}

/** null when there is no such regular file. A text that is no UTF-8 is kept byte for byte. */
async function readText(path: string): Promise<ConfigText | null> {
  if (!(await isFile(path))) return null;
  const handle = await openToRead(path);
  try {
    const bytes = await handle.readFile();
    const text = bytes.toString('utf8');
    const encoding = Buffer.from(text).equals(bytes) ? 'utf8' : 'latin1';
    return {
      text: encoding === 'utf8' ? text : bytes.toString('latin1'),
      encoding,
      mode: (await handle.stat()).mode & 0o7777,
    };
  } finally {
    await handle.close();
  }
}

async function replaceKeepingOrigin(path: string, text: string, original: ConfigText | null): Promise<void> {
  const temporary = `${path}.tmp`;
  await unlinkIfPresent(temporary);
  await writeNew(temporary, Buffer.from(text, original?.encoding ?? 'utf8'), original?.mode ?? 0o600);
  if (original === null) await writeNew(`${path}.origin`, Buffer.alloc(0), 0o600);
  else await rename(path, `${path}.origin`);
  await rename(temporary, path);
}

/** Writes a file that must not exist yet, and flushes it. */
async function writeNew(path: string, content: Uint8Array, mode: number): Promise<void> {
  const handle = await createNew(path, mode);
  try {
    await handle.writeFile(content);
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
