import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { listenFailed } from '@longhaul/kernel';
import { addressesOf, alsoListen } from './also-listen.js';

export interface HttpAddress {
  /** `localhost` stands for every address that it has on this machine. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** HTTP that listens. */
export interface HttpDoor {
  readonly port: number;
  /** Stops listening, cuts what is still connected and closes the application. */
  close(): Promise<void>;
}

/**
 * Opens an application's door.
 *
 * @throws AppError `ADDRESS_IN_USE` or `LISTEN_FAILED`, naming `--port`; the application is closed then.
 */
export async function listenHttp(app: NestFastifyApplication, { host, port }: HttpAddress): Promise<HttpDoor> {
  const [first, ...more] = await addressesOf(host);
  const http = app.getHttpServer();
  try {
    await app.listen(port, first);
    const taken = (http.address() as { port: number }).port;
    const stopOthers = await alsoListen(http, more, taken);
    const close = async () => {
      stopOthers();
      http.closeAllConnections();
      await app.close();
    };
    return { port: taken, close };
  } catch (cause) {
    await app.close();
    throw listenFailed({ host, port, what: 'HTTP', flag: '--port' }, cause);
  }
}
