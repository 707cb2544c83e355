import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { workerV1 } from '@longhaul/contracts';
import { invalidArgument } from '@longhaul/kernel';
import { connect, constants } from 'node:http2';
import { MAX_MESSAGE_VALUES } from '../src/bounded-reader.js';
import { duplex, fromStatus, GrpcHost, serverStream, unary } from '../src/index.js';

const SERVICE = '/longhaul.worker.v1.WorkerService';
const GARBAGE = Buffer.alloc(12, 0xff);
/** A throw before there is a promise or an iteration. */
const refuse = () => {
  throw invalidArgument('seed', 'seed must be a number.');
};

describe('a request that no handler can read', () => {
  const host = new GrpcHost({ maxMessageBytes: 2 ** 24 });
  let address: string;
  let client: Client;

  beforeAll(async () => {
    host.addService('longhaul.worker.v1.WorkerService', workerV1.WorkerServiceService, {
      getModel: unary(refuse),
      getTokenizer: serverStream(refuse, { stallTimeoutMs: 1000 }),
      generate: serverStream(refuse, { stallTimeoutMs: 1000 }),
      watchLoad: serverStream(refuse, { stallTimeoutMs: 1000 }),
    } as unknown as workerV1.WorkerServiceServer);
    const { stream } = { stream: duplex(refuse, { stallTimeoutMs: 1000 }) };
    const raw = (bytes: Buffer) => bytes;
    const method = { requestStream: true, responseStream: true, requestSerialize: raw, responseSerialize: raw };
    const codecs = { requestDeserialize: raw, responseDeserialize: raw };
    host.addService('test.Duplex', { stream: { path: '/test.Duplex/Stream', ...method, ...codecs } }, { stream });
    address = `127.0.0.1:${await host.listen('127.0.0.1', 0)}`;
    client = new Client(address, credentials.createInsecure());
  });
  afterAll(async () => {
    client.close();
    await host.close(0);
  });

  const raw = (bytes: Buffer) => bytes;
  const outcome = (path: string, message: Buffer, streaming = false) =>
    new Promise<ServiceError>((resolve, reject) => {
      const call = streaming
        ? client.makeBidiStreamRequest(path, raw, raw)
        : client.makeServerStreamRequest(path, raw, raw, message);
      call.on('error', (error: ServiceError) => resolve(error));
      call.on('data', () => reject(new Error('the call brought something')));
      if ('write' in call) (call as { write(bytes: Buffer): void }).write(message);
    });

  it('is refused with the limit where it would become too many values', async () => {
    const ids = Buffer.alloc(MAX_MESSAGE_VALUES + 1, 1);
    const request = workerV1.GenerateRequest.encode(
      workerV1.GenerateRequest.fromPartial({ promptTokenIds: [...ids] }),
    ).finish();
    const error = await outcome(`${SERVICE}/Generate`, Buffer.from(request));
    expect([error.code, error.details]).toEqual([status.INVALID_ARGUMENT, expect.stringContaining('2097152 values')]);
  });

  it.each([
    [`${SERVICE}/GetModel`, false],
    [`${SERVICE}/GetTokenizer`, false],
    [`${SERVICE}/Generate`, false],
    ['/grpc.health.v1.Health/Check', false],
    ['/grpc.health.v1.Health/Watch', false],
    ['/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', true],
    ['/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo', true],
  ])("is its sender's fault, and said with a reason: %s", async (path, streaming) => {
    const error = await outcome(path, GARBAGE, streaming);
    expect(status[error.code]).toBe('INVALID_ARGUMENT');
    expect(fromStatus(error)).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'MESSAGE_UNREADABLE' });
  });

  it.each([
    [`${SERVICE}/GetModel`, false],
    [`${SERVICE}/Generate`, false],
    ['/test.Duplex/Stream', true],
  ])('fails with what its handler throws, thrown at once or not: %s', async (path, streaming) => {
    const error = fromStatus(await outcome(path, Buffer.alloc(0), streaming));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', field: 'seed' });
  });

  /** The status of a call as bytes on a connection, for what a client library would not send. */
  function sent(headers: Record<string, string>, frame: Buffer): Promise<string> {
    const session = connect(`http://${address}`);
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: `${SERVICE}/GetModel`,
      ...{ 'content-type': 'application/grpc', te: 'trailers', ...headers },
    });
    return new Promise((resolve, reject) => {
      const take = (given: Record<string, unknown>) => {
        const code = given['grpc-status'];
        if (code !== undefined) resolve(status[Number(code)] ?? String(code));
      };
      stream.on('response', take);
      stream.on('trailers', take);
      stream.on('error', reject);
      stream.on('close', () => session.close());
      stream.resume();
      stream.end(frame);
    });
  }

  function frame(compressed: 0 | 1, body: Buffer): Buffer {
    const head = Buffer.from([compressed, 0, 0, 0, 0]);
    head.writeUInt32BE(body.length, 1);
    return Buffer.concat([head, body]);
  }

  it.each(['gzip', 'deflate'])("is its sender's fault where it cannot be decompressed: %s", async (encoding) => {
    expect(await sent({ 'grpc-encoding': encoding }, frame(1, GARBAGE))).toBe('INVALID_ARGUMENT');
  });

  it("is its sender's fault where its timeout is none", async () => {
    expect(await sent({ 'grpc-timeout': 'soon' }, frame(0, Buffer.alloc(0)))).toBe('INVALID_ARGUMENT');
  });
});
