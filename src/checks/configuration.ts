/**
 * What the configuration asks for, and whether it can be had.
 * Source: docs/behaviour/check.md rows 13, 14, 17, 18, 21, 24b.
 */
import { usesObjectStorage } from '../catalog/layout.ts';
import { missingFor } from '../codec/compression.ts';
import { tryEncryption } from '../codec/gpg.ts';
import { methodOf } from '../config/methods.ts';
import type { ServerConfig } from '../config/options.ts';
import type { MaybeVerdict, Verdict } from '../domain/check-verdicts.ts';
import { CODEC_NAMES } from '../domain/codecs.ts';
import { BarmanError, messageOf } from '../domain/errors.ts';
import type { CheckRun } from './scope.ts';

export async function checkDirectories(run: CheckRun): Promise<void> {
  if (run.scope.problems.length > 0 || usesObjectStorage(run.scope.catalog.layout)) return;
  await run.check('directories', async () => {
    await run.scope.catalog.createDirectories();
    return { ok: true };
  });
}

export async function checkRetention(run: CheckRun): Promise<void> {
  const { retentionPolicy } = run.scope.config;
  await run.check('retention policy settings', () =>
    retentionPolicy !== null && retentionPolicy.policy === null ? { ok: false, hint: 'see log' } : { ok: true },
  );
}

export async function checkEncryption(run: CheckRun): Promise<void> {
  const { config } = run.scope;
  if (config.encryption === null) return;
  await run.check('encryption', () => misconfigured(config) ?? tryIt(run));
}

export async function checkCloud(run: CheckRun): Promise<void> {
  const { catalog, config } = run.scope;
  if (!usesObjectStorage(catalog.layout)) return;
  await run.check('cloud storage configuration', () => judgeCloud(config));
}

export async function checkCompression(run: CheckRun): Promise<void> {
  const { config, searchPath } = run.scope;
  await run.check('compression settings', () => {
    if (config.compression === null) return { ok: true };
    return config.compression === 'custom' ? judgeFilters(config) : judgeCompression(config.compression, searchPath);
  });
}

/** The configuration errors that disabled the server, each on a line of its own. */
export async function checkProblems(run: CheckRun): Promise<void> {
  const { problems } = run.scope;
  const verdict: MaybeVerdict = problems.length === 0 ? null : { ok: false };
  await run.check('configuration', () => verdict);
  for (const problem of problems) run.note(`\t\t${problem}`);
}

/** Can this host compress at all? */
function judgeCompression(name: string, searchPath: string): Verdict {
  const missing = missingFor(name, { searchPath });
  return missing === null ? { ok: true } : { ok: false, hint: missing.message };
}

/** The reference dies with an empty EXCEPTION when one of the two is missing. */
function judgeFilters(config: ServerConfig): Verdict {
  const missing = [
    ...(config.customCompressionFilter ? [] : ['custom_compression_filter']),
    ...(config.customDecompressionFilter ? [] : ['custom_decompression_filter']),
  ];
  if (missing.length === 0) return { ok: true };
  return { ok: false, hint: `compression = custom requires ${missing.join(' and ')}` };
}

function misconfigured(config: ServerConfig): Verdict | null {
  const option = `Encryption is set as ${config.encryption}, but`;
  if (config.encryptionKeyId === null) return { ok: false, hint: `${option} encryption_key_id is unset` };
  if (!methodOf(config).can.encryption) return { ok: false, hint: `${option} backup_method != postgres` };
  if (config.backupCompression === null) return { ok: false, hint: `${option} backup_compression is unset` };
  if (config.backupCompressionFormat !== 'tar') {
    return { ok: false, hint: `${option} backup_compression_format != tar` };
  }
  return null;
}

async function tryIt({ scope }: CheckRun): Promise<Verdict> {
  const { name, codecs } = scope;
  try {
    await tryEncryption(codecs);
    // compat 3.20.1: OK (encryption test succeeded).
    return { ok: false, hint: 'encryption test succeeded, but this release encrypts WAL only: no backup can be taken' };
  } catch (error) {
    if (!(error instanceof BarmanError)) throw error;
    scope.log.named('barman.server').error(`encryption test of server ${name} failed: ${messageOf(error)}`);
    return { ok: false, hint: 'encryption test failed. Check the log file for more details' };
  }
}

function judgeCloud(config: ServerConfig): Verdict {
  const failed = (hint: string): Verdict => ({ ok: false, hint });
  const cloud = 'when the backup destination is a cloud storage';
  if (config.backupCompression !== null && config.backupCompression !== 'none') {
    return failed(`compression is not supported ${cloud}`);
  }
  if (config.compression === 'pigz' || config.compression === 'custom') {
    return failed(
      `cloud WAL storage only supports in-memory compression algorithms (${CODEC_NAMES.join(', ')}). ` +
        `'${config.compression}' is not supported`,
    );
  }
  if (config.encryption !== null) return failed(`encryption is not supported ${cloud}`);
  if (!methodOf(config).can.objects) {
    return failed(
      "cloud backup destination is only supported with 'backup_method = postgres' or 'backup_method = local-to-cloud'",
    );
  }
  if (config.wormMode)
    return failed('WORM mode is not supported when the backup or WAL destination is a cloud storage');
  return failed('cloud storage is not supported yet: use local directories');
}
