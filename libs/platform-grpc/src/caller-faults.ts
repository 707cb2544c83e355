import { status, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { AppError } from '@longhaul/kernel';
import { MAX_MESSAGE_VALUES } from './bounded-reader.js';
import { toStatus } from './status.js';

const UNREADABLE = `The request is no message of the kind that this method takes, or becomes more than ${MAX_MESSAGE_VALUES} values.`;

/** How the library's own verdicts on what it cannot read begin; it calls them internal errors of the server. */
const VERDICTS: readonly (readonly [begins: string, message: string])[] = [
  // The library keeps to itself which of the two it was.
  ['Error deserializing request', UNREADABLE],
  ['Failed to decompress message', 'The request cannot be decompressed.'],
  ['Invalid grpc-timeout value', 'The grpc-timeout header is no timeout.'],
];

/** What is wrong with a request that no handler ever sees, as an error of its sender; for every call of a host. */
export function blameCallers(call: ServerInterceptingCallInterface): void {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (given) => {
    const found = given.code === status.INTERNAL && VERDICTS.find(([begins]) => given.details?.startsWith(begins));
    send(found ? { ...toStatus(unreadable(found[1])) } : given);
  };
}

function unreadable(message: string): AppError {
  return new AppError({ code: 'INVALID_ARGUMENT', reason: 'MESSAGE_UNREADABLE', message });
}
