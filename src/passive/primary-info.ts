/**
 * On a passive node: what the primary says about the server, asked through `primary_ssh_command` and kept in
 * `primary.info`. Nothing in it is believed before it was checked. Source: docs/behaviour/wal.md 11.
 */
import { join } from 'node:path';
import { typedWord } from '../domain/text/shell-words.ts';
import { writeDurably } from '../host/files.ts';
import { run, type RunResult } from '../host/process/run.ts';
import { withoutSecret } from '../domain/redaction.ts';
import { CommandError } from '../domain/errors.ts';
import { hostCommand } from '../domain/server-role.ts';
import { jsonTextAsIs } from '../output/json-text.ts';
import type { ServerScope } from '../server/scope.ts';
import { type PrimaryDocument, readPrimaryDocument } from './primary-document.ts';
import type { SyncRequest } from './sync-info.ts';

/** Where the answer is kept. */
export function primaryInfoPath({ catalog }: ServerScope): string {
  return join(catalog.layout.backupDirectory, 'primary.info');
}

/**
 * Asks the primary and keeps its answer; when it does not know the last WAL any more, asks for everything. Returns the
 * text without its secrets.
 * @throws CommandError when the primary cannot be asked, or answers with something else
 */
export async function fetchPrimaryInfo(scope: ServerScope, request: SyncRequest): Promise<string> {
  await scope.catalog.createDirectories();
  let answer = await ask(scope, request);
  if (answer.code === 1 && request.lastWal !== undefined) {
    scope.output.warning(
      `sync-info is out of sync. Self-recovery procedure started: requesting full synchronisation from primary server ${scope.name}`,
    );
    answer = await ask(scope, { lastWal: undefined, lastPosition: undefined });
  }
  if (answer.code !== 0) {
    throw new CommandError(`sync-info execution on remote primary server ${scope.name} failed: ${answer.stderr}`);
  }
  const document = readPrimaryDocument(scope.name, answer.stdout);
  // The file holds what the primary sent, and a primary of the other make sends its passwords.
  await writeDurably(primaryInfoPath(scope), answer.stdout, { mode: 0o600 });
  return withoutSecrets(answer.stdout.trim(), document);
}

async function ask(scope: ServerScope, request: SyncRequest): Promise<RunResult> {
  const { lastWal, lastPosition } = request;
  const path = scope.config.forwardConfigPath ? ` -c ${typedWord(scope.configuration.path)}` : '';
  const wal = lastWal === undefined ? '' : ` ${typedWord(lastWal)} `;
  const position = lastPosition === undefined ? '' : ` ${lastPosition} `;
  // The option is a command line that the administrator wrote; the command for the primary is one argument behind it.
  const commandLine = `${hostCommand(scope.config) ?? ''} "$1"`;
  const command = `barman${path} sync-info ${typedWord(scope.name)}${wal}${position}`;
  return run('/bin/sh', ['-c', commandLine, '/bin/sh', command], { env: scope.env, signal: scope.signal });
}

function withoutSecrets(text: string, { config }: PrimaryDocument): string {
  let result = text;
  for (const [key, value] of Object.entries(config)) {
    if (typeof value !== 'string') continue;
    const safe = withoutSecret(key, value);
    const line = (shown: string) => `${jsonTextAsIs(key, 4)}: ${jsonTextAsIs(shown, 4)}`;
    if (safe !== value) result = result.replace(line(value), () => line(safe));
  }
  return result;
}
