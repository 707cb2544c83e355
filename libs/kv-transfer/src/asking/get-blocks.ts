import type { kvstoreV1 } from '@longhaul/contracts';
import type { Checksum, GetFrame, GetRequest } from '@longhaul/kv-core';
import { asNumber, fromOutcome, toGetOpen, verifyGetChunk, verifyHead } from '@longhaul/kv-wire';
import type { GetCall } from './bulk-transport.js';
import type { CallScope } from './call-scope.js';
import { clientErrors } from './client-errors.js';

export interface GetParts {
  readonly call: GetCall;
  readonly scope: CallScope;
  readonly checksum: Checksum;
  readonly creditFrames: number;
}

/**
 * The frames of a chain, each verified before it is handed on. Credit is given back as frames are consumed: a consumer
 * that stops costs the store nothing more.
 */
export async function* getBlocks(parts: GetParts, request: GetRequest): AsyncGenerator<GetFrame, void> {
  const { link } = parts.call;
  const { creditFrames } = parts;
  const value = toGetOpen(request, { credit: creditFrames, timeoutMs: parts.scope.leftMs() });
  await link.send({ control: { $case: 'open', value } });
  let consumed = 0;
  for (;;) {
    const frame = (await link.receive())?.frame;
    if (!frame) throw clientErrors.unavailable('The store ended a get before it was complete.');
    yield checkedFrame(frame, parts.checksum);
    if (frame.$case === 'done') return;
    if (frame.$case === 'end') continue;
    consumed++;
    if (consumed * 2 < creditFrames) continue;
    await link.send({ control: { $case: 'credit', value: { frames: consumed } } });
    consumed = 0;
  }
}

function checkedFrame(frame: NonNullable<kvstoreV1.GetResponse['frame']>, checksum: Checksum): GetFrame {
  switch (frame.$case) {
    case 'head': {
      const { block, data } = frame.value;
      verifyHead(checksum, frame.value);
      return { kind: 'head', block, bytes: data };
    }
    case 'chunk': {
      const { block, section, offset, data } = frame.value;
      verifyGetChunk(checksum, frame.value);
      return { kind: 'data', block, section, offset: asNumber('offset', offset), bytes: data };
    }
    case 'end':
      return { kind: 'end', block: frame.value.block, outcome: fromOutcome(frame.value.outcome) };
    case 'done':
      return { kind: 'done', blocksOk: frame.value.blocksOk };
  }
}
