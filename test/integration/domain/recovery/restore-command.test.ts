import { execFileSync } from 'node:child_process';
import { assert, constantFrom, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoteSetting } from '../../../../src/domain/recovery/recovery-target.ts';
import { shellWord } from '../../../../src/domain/recovery/restore-command.ts';

describe('commands for PostgreSQL', () => {
  it('survives every path through PostgreSQL and the shell', () => {
    const path = string({
      unit: constantFrom(...Array.from(`aZ0 '"\\$\`;&|<>*?[]{}()%!~#é-=,:@`)),
      minLength: 1,
      maxLength: 20,
    });
    assert(
      property(path, (name) => {
        const command = readSetting(quoteSetting(`printf %%s ${shellWord(`/${name}`)}`));
        const argument = execFileSync('/bin/sh', ['-c', fillIn(command)], { encoding: 'utf8' });
        expect(argument).toBe(`/${name}`);
      }),
      { numRuns: 100 },
    );
  });
});

/** What PostgreSQL's configuration reader makes of a quoted value. */
function readSetting(quoted: string): string {
  return quoted
    .slice(1, -1)
    .replace(/''|\\(.)/gs, (whole, escaped: string | undefined) => (whole === "''" ? "'" : (escaped ?? '')));
}

/** What PostgreSQL makes of the placeholders of a restore_command. */
function fillIn(command: string): string {
  return command.replace(/%([%fp])/g, (_, letter: string) => (letter === '%' ? '%' : letter));
}
