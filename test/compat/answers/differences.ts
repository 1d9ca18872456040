/**
 * Where we answer otherwise on purpose, by name. docs/compatibility.md tells why, in the row that names `answers#NAME`.
 * Each makes our answer out of the reference's: what it does not explain is an error.
 */
import { expect } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { VERSION_LINE } from '../../../src/domain/version.ts';
import type { Answer } from '../../support/answers.ts';

/** Our answer, from the reference's; `ours` is there for what the reference does not say at all. */
export type Becomes = (theirs: Answer, ours: Answer) => Answer;

/** The reference dies of an exception: whatever we say, it is no exception. */
const insteadOfACrash: Becomes = (theirs, ours) => {
  expect(theirs.stderr).toContain('EXCEPTION:');
  expect(ours.stderr).not.toContain('EXCEPTION:');
  return ours;
};

/** Barman prints the whole record, we print its id. */
const withoutObject: Becomes = (theirs) => {
  const id = /Skipping delete of backup (\w+)/.exec(theirs.stdout + theirs.stderr)?.[1];
  const short = `LocalBackupInfo(backup_id='${id}'))`;
  return {
    ...theirs,
    stdout: theirs.stdout.replaceAll(/LocalBackupInfo\((?:[^"\\]|\\.)*/g, short),
    stderr: theirs.stderr.replaceAll(/LocalBackupInfo\(.*$/gm, short),
  };
};

const withoutDebug = (text: string) => text.replaceAll(/^DEBUG: .*\n/gm, '');

/** The document of diagnose, with -f json the one text that it is, without what the program itself is made of. */
const withoutRuntime = (text: string) => {
  const document = text.startsWith('{"_INFO"')
    ? Object.values(JSON.parse(text) as Record<string, string[]>)[0]?.[0]
    : text;
  return (document ?? '')
    .trimEnd()
    .replaceAll(/"(python_executable|python_ver|ssh_ver|timestamp|last_archived_time)": .*/g, '"$1": OWN')
    .replaceAll(/"(archived_count|current_archived_wals_per_second)": .*/g, '"$1": NUMBER');
};

const REASONED = 'PostgreSQL|replication slot(?: \\(WAL streaming\\))?|no access to monitoring functions';
const LINE_REASON = new RegExp(String.raw`((?:${REASONED}): FAILED) \((?:[^()\n]|\([^()\n]*\))*\)`, 'g');
const JSON_REASON =
  /("(?:postgresql|replication_slot(?:_\(wal_streaming\))?|no_access_to_monitoring_functions)": \{"hint": )"(?:[^"\\]|\\.)*"(, "status": "FAILED")/g;

/** What check says, without why PostgreSQL and its slot cannot be asked: the reference does not tell, or guesses. */
export function withoutReasons(text: string): string {
  return text.replaceAll(LINE_REASON, '$1').replaceAll(JSON_REASON, '$1""$2');
}

export const DIFFERENCES = {
  'own-commands': (theirs) => {
    const own = COMMANDS.map(({ name }) => `'${name}'`).filter((name) => !theirs.stderr.includes(name));
    return { ...theirs, stderr: theirs.stderr.replace(/\)$/, `, ${own.join(', ')})`) };
  },
  'late-options': (theirs, ours) => {
    expect([theirs.code, ours.code]).toEqual([2, 0]);
    return ours;
  },
  version: () => ({ code: 0, stdout: `${VERSION_LINE}\n`, stderr: '' }),
  'empty-backup-word': () => ({ code: 1, stdout: '', stderr: "ERROR: Unknown backup '' for server 'stream'\n" }),
  'refused-delete': withoutObject,
  'check-without-postgres': insteadOfACrash,
  'reason-of-failure': (theirs, ours) => {
    expect(withoutReasons(ours.stdout)).toBe(withoutReasons(theirs.stdout));
    expect(ours.stdout).not.toContain("doesn't exist");
    return { ...theirs, stdout: ours.stdout };
  },
  'debug-messages': (theirs, ours) => {
    expect(withoutDebug(ours.stderr)).toBe(withoutDebug(theirs.stderr));
    return { ...theirs, stderr: ours.stderr };
  },
  'list-files-of-empty': insteadOfACrash,
  'old-keep-annotation': (theirs) => ({
    ...theirs,
    tree: (theirs.tree ?? []).filter((line) => !line.includes('/annotations/keep')),
  }),
  'empty-meta': (theirs) => ({ ...theirs, tree: [...(theirs.tree ?? []), 'home/gz/meta: d'].sort() }),
  'no-empty-queue': (theirs) => ({
    ...theirs,
    tree: (theirs.tree ?? []).filter((line) => line !== 'home/cfg_changes.queue:\n[]'),
  }),
  'own-runtime': (theirs, ours) => {
    expect(withoutRuntime(ours.stdout)).toBe(withoutRuntime(theirs.stdout));
    return { ...theirs, stdout: ours.stdout };
  },
  'switch-of-passive': insteadOfACrash,
  // The stream can go on with the last whole segment, whatever the slot says.
  'reset-goes-on': (theirs, ours) => {
    expect(theirs.stdout).toContain('Creating status file');
    expect(ours.stdout).toBe('Nothing to do. Position of receive-wal is aligned.\n');
    return { ...ours, code: theirs.code, stderr: theirs.stderr };
  },
  'bad-changes': (theirs, ours) => {
    expect(theirs.stdout + theirs.stderr).toMatch(/Expecting (value|',' delimiter)/);
    expect(ours.stdout + ours.stderr).toContain('config-update cannot read its argument as JSON');
    return { ...ours, code: theirs.code };
  },
  'missing-history': (theirs) => ({
    ...theirs,
    stderr: `${theirs.stderr}WARNING: '00000009.history' is not in the archive: PostgreSQL will not find timeline 9.\n`,
  }),
} satisfies Record<string, Becomes>;

export type DifferenceName = keyof typeof DIFFERENCES;
