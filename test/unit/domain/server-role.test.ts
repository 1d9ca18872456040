import { describe, expect, it } from 'vitest';
import {
  type Admission,
  hostCommand,
  rejection,
  type RoleName,
  roleOf,
  STATE_SUFFIX,
  stateOf,
} from '../../../src/domain/server-role.ts';

const OPTIONS: Readonly<Record<RoleName, { active: boolean; primarySshCommand: string | null }>> = {
  own: { active: true, primarySshCommand: null },
  inactive: { active: false, primarySshCommand: null },
  passive: { active: true, primarySshCommand: 'ssh barman@primary' },
  'inactive passive': { active: false, primarySshCommand: '' },
};
const NAMES = Object.keys(OPTIONS) as readonly RoleName[];
const named = (name: RoleName) => roleOf(OPTIONS[name]);
const having = (holds: (name: RoleName) => boolean) => NAMES.filter(holds);

describe('roleOf', () => {
  it('comes from active and primary_ssh_command, whatever its text', () => {
    expect(NAMES.map((name) => named(name).name)).toEqual(NAMES);
    expect(having((name) => named(name).isActive)).toEqual(['own', 'passive']);
    expect(having((name) => named(name).isPassive)).toEqual(['passive', 'inactive passive']);
  });

  it('says who asks PostgreSQL, collects, is scheduled and is maintained', () => {
    expect(having((name) => named(name).asksPostgres)).toEqual(['own']);
    expect(having((name) => named(name).isScheduled)).toEqual(['own']);
    expect(having((name) => named(name).collects)).toEqual(['own', 'inactive']);
    expect(having((name) => named(name).isMaintained)).toEqual(['own', 'passive']);
  });

  it('says what cron does and which host is reached', () => {
    expect(NAMES.map((name) => [named(name).visit, named(name).reaches])).toEqual([
      ['collect', 'PostgreSQL server'],
      ['stop', null],
      ['follow', 'Barman primary node'],
      ['stop', null],
    ]);
  });
});

it('leads to the primary of a passive server, and to PostgreSQL otherwise', () => {
  const sshCommand = 'ssh postgres@pg';
  expect(NAMES.map((name) => hostCommand({ ...OPTIONS[name], sshCommand }))).toEqual([
    'ssh postgres@pg',
    'ssh postgres@pg',
    'ssh barman@primary',
    '',
  ]);
  expect(hostCommand({ ...OPTIONS.own, sshCommand: null })).toBeNull();
});

it('tells the state: inactive goes before disabled', () => {
  const states = [stateOf(named('own'), []), stateOf(named('own'), ['bad']), stateOf(named('inactive'), ['bad'])];
  expect(states).toEqual(['ok', 'disabled', 'inactive']);
  expect(states.map((state) => STATE_SUFFIX[state])).toEqual(['', ' (WARNING: disabled)', ' (inactive)']);
});

describe('rejection', () => {
  const judge = (admission: Admission, name: RoleName, problem?: string) => {
    const refused = rejection('pg', named(name), problem === undefined ? [] : [problem, 'worse'], admission);
    return refused === null ? 'run' : `${refused.kind}: ${refused.text}`;
  };
  const SKIP_INACTIVE = "skip: Skipping inactive server 'pg'";
  const SKIP_PASSIVE = "skip: Skipping passive server 'pg'";

  it.each<[Admission, string, string, string]>([
    ['every', 'run', 'run', 'run'],
    ['sound', 'run', 'error: bad', 'run'],
    ['receiving', 'error: Inactive server: pg', 'error: bad', 'run'],
    ['working', SKIP_INACTIVE, 'error: bad', 'run'],
    ['connected', SKIP_INACTIVE, 'error: bad', SKIP_PASSIVE],
  ])('%s: inactive %s, disabled %s, passive %s', (admission, inactive, disabled, passive) => {
    expect(judge(admission, 'own')).toBe('run');
    expect(judge(admission, 'inactive')).toBe(inactive);
    expect(judge(admission, 'own', 'bad')).toBe(disabled);
    expect(judge(admission, 'passive')).toBe(passive);
  });

  it('says the first reason: inactive, then disabled, then passive', () => {
    expect(judge('connected', 'inactive passive', 'bad')).toBe(SKIP_INACTIVE);
    expect(judge('connected', 'passive', 'bad')).toBe('error: bad');
  });
});
