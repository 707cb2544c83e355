import { create, createFileRegistry, fromBinary, toBinary, type DescFile, type FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, type FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import { Client, credentials, loadPackageDefinition, type ClientDuplexStream } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterEach, describe, expect, it } from '@jest/globals';
import { inferenceV1, kvstoreV1, workerV1 } from '@longhaul/contracts';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { GrpcHost } from '../src/index.js';

const STANDARD = [
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];
const SERVICES = {
  'longhaul.inference.v1.InferenceService': inferenceV1.InferenceServiceService,
  'longhaul.kvstore.v1.KvStoreService': kvstoreV1.KvStoreServiceService,
  'longhaul.worker.v1.WorkerService': workerV1.WorkerServiceService,
} as const;

interface Reply {
  list_services_response?: { service: { name: string }[] };
  file_descriptor_response?: { file_descriptor_proto: Buffer[] };
  all_extension_numbers_response?: { base_type_name: string; extension_number: number[] };
  error_response?: { error_code: number; error_message: string };
  original_request?: object;
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serving(...names: (keyof typeof SERVICES)[]): Promise<string> {
  const host = new GrpcHost({ maxMessageBytes: 2 ** 20 });
  for (const name of names) host.addService(name, SERVICES[name] as never, {});
  const address = `127.0.0.1:${await host.listen('127.0.0.1', 0)}`;
  closers.push(() => host.close(0));
  return address;
}

/** Asks as reflection tools do, over a client that another library made from the published protos. */
function asking(address: string, version: 'v1' | 'v1alpha' = 'v1'): (request: object) => Promise<Reply> {
  const root = dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json'));
  const definition = loadSync(`grpc/reflection/${version}/reflection.proto`, {
    includeDirs: [join(root, 'build', 'proto')],
    keepCase: true,
  });
  const loaded = loadPackageDefinition(definition) as never as {
    grpc: { reflection: Record<string, { ServerReflection: new (address: string, credentials: unknown) => Client }> };
  };
  const Constructor = loaded.grpc.reflection[version]?.ServerReflection;
  if (!Constructor) throw new Error('no client');
  const client = new Constructor(address, credentials.createInsecure());
  closers.push(() => client.close());
  return (request) =>
    new Promise((resolve, reject) => {
      const { serverReflectionInfo } = client as unknown as {
        serverReflectionInfo(): ClientDuplexStream<object, Reply>;
      };
      const stream = serverReflectionInfo.call(client);
      stream.on('data', (reply: Reply) => {
        stream.end();
        resolve(reply);
      });
      stream.on('error', reject);
      stream.write(request);
    });
}

function filesOf(reply: Reply): FileDescriptorProto[] {
  const files = reply.file_descriptor_response?.file_descriptor_proto ?? [];
  return files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

/** Builds everything from what the server sends and nothing else; fails where a descriptor does not hold together. */
function built(files: readonly FileDescriptorProto[]): FileRegistry {
  const set = create(FileDescriptorSetSchema, { file: [...files] });
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, toBinary(FileDescriptorSetSchema, set)));
}

function* symbolsOf(file: DescFile): Generator<string> {
  for (const service of file.services) {
    yield service.typeName;
    for (const { name } of service.methods) yield `${service.typeName}.${name}`;
  }
  const messages = [...file.messages];
  for (const message of messages) {
    messages.push(...message.nestedMessages.filter(({ proto }) => proto.options?.mapEntry !== true));
    yield message.typeName;
    for (const { name } of message.fields) yield `${message.typeName}.${name}`;
  }
  for (const { typeName } of [...file.enums, ...messages.flatMap(({ nestedEnums }) => nestedEnums)]) yield typeName;
}

const names = Object.keys(SERVICES) as (keyof typeof SERVICES)[];

describe('gRPC reflection', () => {
  it.each(names)('lists what the port serves and nothing else: %s', async (name) => {
    for (const version of ['v1', 'v1alpha'] as const) {
      const reply = await asking(await serving(name), version)({ list_services: '' });
      expect(reply.list_services_response?.service.map((one) => one.name).sort()).toEqual([...STANDARD, name].sort());
    }
  });

  it.each([...names, ...STANDARD])('sends descriptors of which every message can be built: %s', async (name) => {
    const ask = asking(await serving(...names.filter((one) => one === name)));
    const files = filesOf(await ask({ file_containing_symbol: name }));
    const registry = built(files);
    const service = registry.getService(name);
    expect(service?.typeName).toBe(name);
    for (const file of registry.files) {
      // Names are those of the package they are in, and a message that is no map entry is not called one.
      for (const message of file.messages) expect(message.typeName.startsWith(`${file.proto.package}.`)).toBe(true);
      const alone = filesOf(await ask({ file_by_filename: file.proto.name }));
      expect(alone.map((one) => one.name)).toContain(file.proto.name);
      expect(() => built(alone)).not.toThrow();
    }
  });

  it('finds the file of every symbol', async () => {
    const ask = asking(await serving(...names));
    const files = (await Promise.all(names.map((name) => ask({ file_containing_symbol: name })))).flatMap(filesOf);
    const registry = built([...new Map(files.map((file) => [file.name, file])).values()]);
    const symbols = [...registry.files].flatMap((file) => [...symbolsOf(file)].map((symbol) => ({ symbol, file })));
    expect(symbols.length).toBeGreaterThan(200);
    for (const { symbol, file } of symbols) {
      const found = filesOf(await ask({ file_containing_symbol: symbol })).map((one) => one.name);
      expect([symbol, found.includes(file.proto.name)]).toEqual([symbol, true]);
    }
  });

  it.each([
    [{ file_containing_symbol: 'longhaul.kvstore.v1.KvStoreService' }],
    [{ file_containing_symbol: 'longhaul.worker.v1.WorkerService.Nothing' }],
    [{ file_containing_symbol: '' }],
    [{ file_by_filename: 'longhaul/kvstore/v1/kvstore.proto' }],
    [{ file_by_filename: '../../../etc/passwd' }],
    [{ file_containing_extension: { containing_type: 'longhaul.worker.v1.Load', extension_number: 1 } }],
    [{ all_extension_numbers_of_type: 'longhaul.kvstore.v1.Namespace' }],
  ])('answers that there is no such thing, and goes on: %j', async (request) => {
    const ask = asking(await serving('longhaul.worker.v1.WorkerService'));
    expect((await ask(request)).error_response).toMatchObject({ error_code: 5 });
    expect((await ask({ list_services: '' })).error_response ?? null).toBeNull();
  });

  it('answers an empty request with an error of its sender, and a type without extensions with none', async () => {
    const ask = asking(await serving('longhaul.worker.v1.WorkerService'));
    expect((await ask({ host: 'x' })).error_response).toMatchObject({ error_code: 3 });
    const reply = await ask({ all_extension_numbers_of_type: 'longhaul.worker.v1.Load' });
    expect(reply.all_extension_numbers_response).toEqual({ base_type_name: 'longhaul.worker.v1.Load' });
  });
});
