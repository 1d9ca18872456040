import { describe, expect, it } from 'vitest';
import { quoteSetting } from '../../../../src/domain/recovery/recovery-target.ts';
import { cleanupCommand, copyCommand, getWalCommand } from '../../../../src/domain/recovery/restore-command.ts';

describe('commands for PostgreSQL', () => {
  it('writes plain paths as Barman does', () => {
    expect([copyCommand('/d/barman_wal'), cleanupCommand('/d/barman_wal')]).toEqual([
      'cp /d/barman_wal/%f %p',
      'rm -fr /d/barman_wal',
    ]);
    expect([getWalCommand('main', false), getWalCommand('main', true)]).toEqual([
      'barman get-wal -P main %f > %p',
      'barman get-wal  main %f > %p',
    ]);
  });

  it('quotes others for the shell and for the configuration file', () => {
    expect(quoteSetting(copyCommand("/a b/it's"))).toBe(String.raw`'cp ''/a b/it''\\''''s''/%f %p'`);
    expect(cleanupCommand('/a;rm -rf $HOME/100%')).toBe("rm -fr '/a;rm -rf $HOME/100%%'");
  });
});
