/** A TCP proxy in front of a server, to cut or to stall connections after a number of bytes. */
import { connect, createServer, type Socket } from 'node:net';

export interface Fault {
  /** `cut`: both ends are closed; `stall`: nothing moves any more, nothing is closed. */
  readonly kind: 'cut' | 'stall';
  /** How many bytes go through before that. */
  readonly afterBytes: number;
  /** Which bytes count. */
  readonly direction: 'to-server' | 'to-client';
}

export interface TcpProxy {
  readonly port: number;
  /** For the connections that are made from now on; undefined: let everything through. */
  fault: Fault | undefined;
  /** How many connections were made. */
  readonly connections: () => number;
  /** Closes every connection. */
  cutAll(): void;
  dispose(): Promise<void>;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let count = 0;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  };
  const cutAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((client) => {
    count += 1;
    const upstream = connect({ host: '127.0.0.1', port: targetPort });
    keep(client);
    keep(upstream);
    const { fault } = proxy;
    relay(client, upstream, fault?.direction === 'to-server' ? fault : undefined);
    relay(upstream, client, fault?.direction === 'to-client' ? fault : undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const proxy: TcpProxy = {
    port: typeof address === 'object' && address ? address.port : 0,
    fault: undefined,
    connections: () => count,
    cutAll,
    dispose: async () => {
      cutAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

function relay(from: Socket, to: Socket, fault: Fault | undefined): void {
  let left = fault?.afterBytes ?? Number.POSITIVE_INFINITY;
  from.on('data', (chunk: Buffer) => {
    if (fault === undefined || chunk.length <= left) {
      left -= chunk.length;
      if (!to.write(chunk)) from.pause();
      return;
    }
    to.write(chunk.subarray(0, left));
    left = 0;
    from.pause();
    if (fault.kind === 'stall') return;
    from.destroy();
    to.destroy();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('close', () => {
    if (fault?.kind !== 'stall' || left > 0) to.destroySoon();
  });
}
