import { Readable } from 'node:stream';
import { nextTurn } from '@longhaul/kernel';
import type { FastifyReply } from 'fastify';
import { jsonSlices } from './json-slices.js';

/**
 * Sends an answer as JSON. A small one goes out whole; a long one is made a slice at a time, one slice per turn of the
 * event loop, and no faster than the client takes it.
 *
 * @param signal ends it between two slices; the connection is dropped then
 */
export async function writeJson(reply: FastifyReply, answer: unknown, signal: AbortSignal): Promise<void> {
  const slices = jsonSlices(answer);
  const first = slices.next();
  const second = slices.next();
  void reply.header('content-type', 'application/json; charset=utf-8');
  const begun = first.done === true ? '' : first.value;
  if (second.done === true) {
    await reply.send(begun);
    return;
  }
  await reply.send(
    Readable.from(paced([begun, second.value], slices, signal), { objectMode: false, highWaterMark: 1 }),
  );
}

async function* paced(
  begun: readonly string[],
  rest: Iterable<string>,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  yield* begun;
  for (const slice of rest) {
    await nextTurn();
    signal.throwIfAborted();
    yield slice;
  }
}
