import { create, fromBinary, toBinary, type DescMessage, type Message } from '@bufbuild/protobuf';
import { status, type handleBidiStreamingCall, type Server, type ServiceDefinition } from '@grpc/grpc-js';
import { fileDescriptorSet } from '@longhaul/contracts';
import { DescriptorPool } from './descriptor-pool.js';
import { fileDescriptorSetBase64 } from './generated/descriptors.js';

/** Both versions are the same messages under two names; older tools know the second only. */
const PACKAGES = ['grpc.reflection.v1', 'grpc.reflection.v1alpha'] as const;
const HEALTH = 'grpc.health.v1.Health';

/** A request as the descriptors say it is. */
interface ReflectionRequest extends Message {
  readonly host: string;
  readonly messageRequest:
    | { readonly case: 'fileByFilename' | 'fileContainingSymbol' | 'listServices'; readonly value: string }
    | { readonly case: 'allExtensionNumbersOfType'; readonly value: string }
    | { readonly case: 'fileContainingExtension'; readonly value: Message }
    | { readonly case: undefined };
}

type Answer = { readonly case: string; readonly value: object };

/**
 * Serves reflection over what a server serves: its services, health and reflection itself, each with the descriptors
 * as the compiler wrote them. Nothing else is listed or described.
 */
export function addReflection(server: Server, services: () => readonly string[]): void {
  const own = PACKAGES.map((name) => `${name}.ServerReflection`);
  const all = (): string[] => [...services(), HEALTH, ...own];
  const standard = Buffer.from(fileDescriptorSetBase64.join(''), 'base64');
  const pool = new DescriptorPool([fileDescriptorSet(), standard], all);
  for (const name of PACKAGES) {
    const { definition, answer } = reflectionOf(name, pool, all);
    server.addService(definition, { serverReflectionInfo: answering(answer) });
  }
}

function answering(answer: (request: ReflectionRequest) => Message): handleBidiStreamingCall<unknown, unknown> {
  return (call) => {
    call.on('error', () => undefined);
    call.on('data', (request: ReflectionRequest) => {
      // One answer at a time: a client that reads none is not read.
      if (!call.write(answer(request))) {
        call.pause();
        call.once('drain', () => call.resume());
      }
    });
    call.on('end', () => call.end());
  };
}

function reflectionOf(
  packageName: string,
  pool: DescriptorPool,
  services: () => readonly string[],
): { definition: ServiceDefinition; answer: (request: ReflectionRequest) => Message } {
  const schema = (name: string): DescMessage => {
    const found = pool.registry.getMessage(`${packageName}.${name}`);
    if (!found) throw new Error(`No descriptor of ${packageName}.${name}; run npm run generate.`);
    return found;
  };
  const [requests, responses] = [schema('ServerReflectionRequest'), schema('ServerReflectionResponse')];
  const encode = (type: DescMessage) => (message: Message) => Buffer.from(toBinary(type, message));
  const decode = (type: DescMessage) => (bytes: Buffer) => fromBinary(type, bytes);
  const method = {
    path: `/${packageName}.ServerReflection/ServerReflectionInfo`,
    ...{ requestStream: true, responseStream: true },
    ...{ requestSerialize: encode(requests), requestDeserialize: decode(requests) },
    ...{ responseSerialize: encode(responses), responseDeserialize: decode(responses) },
  };
  const answer = (request: ReflectionRequest): Message => {
    const messageResponse = answerTo(request.messageRequest, pool, services);
    return create(responses, { validHost: request.host, originalRequest: request, messageResponse } as never);
  };
  return { definition: { serverReflectionInfo: method }, answer };
}

function answerTo(
  asked: ReflectionRequest['messageRequest'],
  pool: DescriptorPool,
  services: () => readonly string[],
): Answer {
  switch (asked.case) {
    case 'listServices':
      return { case: 'listServicesResponse', value: { service: services().map((name) => ({ name })) } };
    case 'fileByFilename':
      return filesOr(pool.fileNamed(asked.value), asked.value);
    case 'fileContainingSymbol':
      return filesOr(pool.fileOfSymbol(asked.value), asked.value);
    case 'allExtensionNumbersOfType':
      if (!pool.hasMessage(asked.value)) return notFound(asked.value);
      return { case: 'allExtensionNumbersResponse', value: { baseTypeName: asked.value, extensionNumber: [] } };
    case 'fileContainingExtension':
      return notFound('an extension');
    case undefined:
      return failure(status.INVALID_ARGUMENT, 'The request asks for nothing that is known here.');
  }
}

function filesOr(fileDescriptorProto: Uint8Array[] | null, name: string): Answer {
  if (fileDescriptorProto === null) return notFound(name);
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function notFound(what: string): Answer {
  return failure(status.NOT_FOUND, `There is no ${what} here.`);
}

function failure(errorCode: status, errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode, errorMessage } };
}
