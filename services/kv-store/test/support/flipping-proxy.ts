import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** One bit of what one side of a connection sends. */
export interface Flip {
  readonly toServer: boolean;
  /** Counted from the first bit that this side sends; null flips nothing. */
  readonly bit: number | null;
}

/** Passes connections on and flips one bit of what one side sends. */
export class FlippingProxy {
  /** Port of the server behind. */
  target = 0;
  /** For connections that come from now on. */
  flip: Flip = { toServer: true, bit: null };
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((near) => this.#pass(near));

  /** @returns the port. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #pass(near: Socket): void {
    const far = connect(this.target, '127.0.0.1');
    const { toServer, bit } = this.flip;
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', flipper(far, toServer ? bit : null));
    far.on('data', flipper(near, toServer ? null : bit));
  }
}

function flipper(to: Socket, bit: number | null): (bytes: Buffer) => void {
  let passed = 0;
  return (bytes) => {
    const copy = Buffer.from(bytes);
    const at = bit === null ? -1 : Math.floor(bit / 8) - passed;
    if (at >= 0 && at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << ((bit ?? 0) & 7));
    passed += bytes.length;
    to.write(copy);
  };
}
