/**
 * Barman runs as `barman_user`: root becomes that user, anybody else must already be it.
 * Source: docs/behaviour/cli.md 1.2.
 */
import { spawnSync } from 'node:child_process';
import { userInfo } from 'node:os';
import { BarmanError } from '../domain/errors.ts';

/** In Node since 0.9 on POSIX, missing in the type package. */
const supplementaryGroups: { initgroups?: (user: string, extraGroup: number) => void } = process as object;

/** @throws BarmanError when this process is not and cannot become `name`; printed as it is, before there is a writer */
export function becomeUser(name: string, env: NodeJS.ProcessEnv): void {
  if (currentUser() === name) return;
  const entry = spawnSync('getent', ['passwd', name], { encoding: 'utf8' });
  const [, , uid, gid, , home] = (entry.stdout ?? '').trim().split(':');
  if (entry.status !== 0 || uid === undefined || gid === undefined) {
    throw new BarmanError(`ERROR: the configured user '${name}' does not exists`);
  }
  try {
    supplementaryGroups.initgroups?.(name, Number(gid));
    process.setgid?.(Number(gid));
    process.setuid?.(Number(uid));
  } catch (cause) {
    throw new BarmanError(`ERROR: please run barman as '${name}' user`, { cause });
  }
  if (home !== undefined) env.HOME = home;
}

function currentUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // A uid without a name (containers): it cannot be the configured user by name.
    return undefined;
  }
}
