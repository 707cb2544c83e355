import { Server, status, type ServerDuplexStream } from '@grpc/grpc-js';

/**
 * A server that knows its methods, and for which a call of a method that nobody serves is a call like any other: in the
 * library as it is, such a call ends past every interceptor.
 */
export class WholeServer extends Server {
  /** Full names, such as `longhaul.worker.v1.WorkerService/Generate`. */
  readonly methods = new Set<string>();

  constructor(options: ConstructorParameters<typeof Server>[0]) {
    super(options);
    answerUnknownMethods(this);
  }

  override register: Server['register'] = (name, handler, serialize, deserialize, type) => {
    this.methods.add(name.replace(/^\//, ''));
    return super.register(name, handler, serialize, deserialize, type);
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
