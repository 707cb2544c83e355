import { constants, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { Server, status, type ServerDuplexStream } from '@grpc/grpc-js';

/**
 * A server that knows its methods, and for which a call of a method that nobody serves is a call like any other: in the
 * library as it is, such a call ends past every interceptor.
 */
export class WholeServer extends Server {
  /** Full names, such as `longhaul.worker.v1.WorkerService/Generate`. */
  readonly methods = new Set<string>();
  maxConnections = Infinity;
  #connections = 0;

  constructor(options: ConstructorParameters<typeof Server>[0]) {
    super(options);
    answerUnknownMethods(this);
    onHttp2Server(this, (server) => server.on('session', (session) => this.#admit(session)));
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections;
  }

  override register: Server['register'] = (name, handler, serialize, deserialize, type) => {
    this.methods.add(name.replace(/^\//, ''));
    return super.register(name, handler, serialize, deserialize, type);
  };

  #admit(session: ServerHttp2Session): void {
    if (this.#connections >= this.maxConnections) {
      session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_connections'));
      // The frame goes out first.
      setImmediate(() => session.destroy());
      return;
    }
    this.#connections += 1;
    session.once('close', () => (this.#connections -= 1));
  }
}

interface Binding {
  createHttp2Server(credentials: unknown): Http2Server;
}

/** Reaches into the library, as below. */
function onHttp2Server(server: Server, take: (http2: Http2Server) => void): void {
  const binding = server as unknown as Binding;
  const create = binding.createHttp2Server.bind(server);
  binding.createHttp2Server = (credentials) => {
    const http2 = create(credentials);
    take(http2);
    return http2;
  };
}

interface Lookup {
  _retrieveHandler(path: string): object | null;
}

/** Reaches into the library, whose version is pinned; a test shows that it still works. */
function answerUnknownMethods(server: Server): void {
  const lookup = server as unknown as Lookup;
  const find = lookup._retrieveHandler.bind(server);
  lookup._retrieveHandler = (path) => find(path) ?? unimplemented(path);
}

function unimplemented(path: string): object {
  const asIs = (bytes: Buffer) => bytes;
  return {
    ...{ path, type: 'bidi', serialize: asIs, deserialize: asIs },
    func(call: ServerDuplexStream<Buffer, Buffer>) {
      call.on('error', () => undefined);
      call.emit('error', { code: status.UNIMPLEMENTED, details: `The server does not implement the method ${path}` });
    },
  };
}
