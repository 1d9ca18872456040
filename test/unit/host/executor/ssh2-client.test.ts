/** The library behind `ssh_transport = ssh2`. */
import { describe, expect, it } from 'vitest';
import { loadSsh2 } from '../../../../src/host/executor/ssh2-client.ts';

describe('loadSsh2', () => {
  it('says what to do where the optional library is not installed', async () => {
    const missing: string = 'no-such-library-as-ssh2';
    await expect(loadSsh2(() => import(missing))).rejects.toMatchObject({
      name: 'ConfigError',
      message: 'ssh_transport = ssh2 needs the library ssh2, which is not installed',
      hint: expect.stringContaining('ssh_transport = openssh') as string,
    });
  });

  it('hides no other trouble', async () => {
    await expect(loadSsh2(() => Promise.reject(new SyntaxError('broken')))).rejects.toThrow(SyntaxError);
  });
});
