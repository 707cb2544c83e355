import { describe, expect, it } from '@jest/globals';
import { inferenceV1 } from '@longhaul/contracts';
import { bounded } from './bounded-reader.js';

type Input = NonNullable<inferenceV1.GenerateRequest['input']>;

const decode = (bytes: Buffer) => inferenceV1.GenerateRequest.decode(bytes);

function encoded(input: Input): Buffer {
  return Buffer.from(inferenceV1.GenerateRequest.encode(inferenceV1.GenerateRequest.fromPartial({ input })).finish());
}

const tokens = (count: number) =>
  encoded({ $case: 'tokens', value: { tokenIds: Array.from({ length: count }, () => 1) } });

describe('what is made of a message', () => {
  it('is what it is without a bound, up to the bound', () => {
    const message = tokens(100);
    // Beside the ids: two tags and two lengths.
    expect(bounded(decode, 104)(message)).toEqual(decode(message));
  });

  it.each([
    ['numbers', tokens(101)],
    [
      'empty messages',
      encoded({
        $case: 'chat',
        value: inferenceV1.ChatInput.fromPartial({ messages: Array.from({ length: 60 }, () => ({})) }),
      }),
    ],
  ])('is never more than the bound allows: %s', (_kind, message) => {
    expect(message.length).toBeGreaterThan(104);
    expect(() => bounded(decode, 104)(message)).toThrow('The message has more than 104 values.');
  });

  it('may have texts of any length', () => {
    const message = encoded({ $case: 'prompt', value: 'a'.repeat(1000) });
    expect(bounded(decode, 10)(message)).toEqual(decode(message));
  });
});
