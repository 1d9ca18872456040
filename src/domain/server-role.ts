/**
 * What a server is to this host and what follows from it: whether PostgreSQL is asked, what cron does at its visit, which
 * commands take it. Source: docs/behaviour/config.md 7, docs/behaviour/cli.md 2, docs/behaviour/backup.md 7.
 */

/** `passive` has a primary_ssh_command: another Barman backs it up. `inactive` has active = off; both may hold. */
export type RoleName = 'own' | 'inactive' | 'passive' | 'inactive passive';

interface Duties {
  /** Its connections are opened and judged, PostgreSQL and its client programs are asked. */
  readonly asksPostgres: boolean;
  /** WAL and backups come here from PostgreSQL itself, so both may wait, or be left by a crash. */
  readonly collects: boolean;
  /** `backup_schedule` counts. */
  readonly isScheduled: boolean;
  /** What cron does: only end the receiver, follow the primary, or archive, receive and repair. */
  readonly visit: 'stop' | 'follow' | 'collect';
  /** Cron cleans up and applies retention. */
  readonly isMaintained: boolean;
  /** The host that `check` tries to reach; null for none. */
  readonly reaches: 'PostgreSQL server' | 'Barman primary node' | null;
}

export interface ServerRole extends Duties {
  readonly name: RoleName;
  readonly isActive: boolean;
  readonly isPassive: boolean;
}

const DUTIES: Readonly<Record<RoleName, Duties>> = {
  own: {
    asksPostgres: true,
    collects: true,
    isScheduled: true,
    visit: 'collect',
    isMaintained: true,
    reaches: 'PostgreSQL server',
  },
  inactive: {
    asksPostgres: false,
    collects: true,
    isScheduled: false,
    visit: 'stop',
    isMaintained: false,
    reaches: null,
  },
  passive: {
    asksPostgres: false,
    collects: false,
    isScheduled: false,
    visit: 'follow',
    isMaintained: true,
    reaches: 'Barman primary node',
  },
  'inactive passive': {
    asksPostgres: false,
    collects: false,
    isScheduled: false,
    visit: 'stop',
    isMaintained: false,
    reaches: null,
  },
};

/** The options that make a role. */
export interface RoleOptions {
  readonly active: boolean;
  readonly primarySshCommand: string | null;
}

export function roleOf({ active, primarySshCommand }: RoleOptions): ServerRole {
  const isPassive = primarySshCommand !== null;
  const name = isPassive ? (active ? 'passive' : 'inactive passive') : active ? 'own' : 'inactive';
  return { name, isActive: active, isPassive, ...DUTIES[name] };
}

/** The command line that leads to the server's host: on a passive one to its primary; null when there is none. */
export function hostCommand(options: RoleOptions & { readonly sshCommand: string | null }): string | null {
  return options.primarySshCommand ?? options.sshCommand;
}

/** As the user is told: a server with configuration errors is disabled, and inactive goes first. */
export type ServerState = 'ok' | 'inactive' | 'disabled';

export function stateOf({ isActive }: Pick<ServerRole, 'isActive'>, problems: readonly string[]): ServerState {
  if (!isActive) return 'inactive';
  return problems.length > 0 ? 'disabled' : 'ok';
}

/** What follows the name of a server. */
export const STATE_SUFFIX: Readonly<Record<ServerState, string>> = {
  ok: '',
  inactive: ' (inactive)',
  disabled: ' (WARNING: disabled)',
};

/** What a command does with a server in each state that is not the plain one. */
export interface AdmissionRules {
  readonly inactive: 'run' | 'skip' | 'error';
  readonly disabled: 'run' | 'error';
  readonly passive: 'run' | 'skip';
}

/** Which servers a command takes. */
export const ADMISSIONS = {
  /** It tells, or touches what is there whatever the configuration says. */
  every: { inactive: 'run', disabled: 'run', passive: 'run' },
  /** It works on the catalog. */
  sound: { inactive: 'run', disabled: 'error', passive: 'run' },
  /** It brings something in at somebody's wish. */
  receiving: { inactive: 'error', disabled: 'error', passive: 'run' },
  /** It does a part of the daily work. */
  working: { inactive: 'skip', disabled: 'error', passive: 'run' },
  /** It needs PostgreSQL. */
  connected: { inactive: 'skip', disabled: 'error', passive: 'skip' },
} as const satisfies Readonly<Record<string, AdmissionRules>>;

export type Admission = keyof typeof ADMISSIONS;

/** Why a server is not taken: passed over, or an error. */
export interface Rejection {
  readonly kind: 'skip' | 'error';
  readonly text: string;
}

/** null when the server is taken. `problems` are its configuration errors. */
export function rejection(
  server: string,
  role: ServerRole,
  problems: readonly string[],
  admission: Admission,
): Rejection | null {
  const rules: AdmissionRules = ADMISSIONS[admission];
  if (!role.isActive && rules.inactive !== 'run') {
    const text = rules.inactive === 'skip' ? `Skipping inactive server '${server}'` : `Inactive server: ${server}`;
    return { kind: rules.inactive, text };
  }
  const [problem] = problems;
  if (problem !== undefined && rules.disabled === 'error') return { kind: 'error', text: problem };
  if (role.isPassive && rules.passive === 'skip') return { kind: 'skip', text: `Skipping passive server '${server}'` };
  return null;
}
