import { BinaryReader } from '@bufbuild/protobuf/wire';

/** Tags, lengths and numbers of one message: a list of more token ids than any context holds. */
export const MAX_MESSAGE_VALUES = 2 ** 21;

/**
 * Reads a message and bounds what may be made of it: in one go, 32 MB become as many million numbers, or empty messages,
 * in seconds in which nobody else is served. Texts and bytes count by their number, not by their length.
 */
class BoundedReader extends BinaryReader {
  readonly #max: number;
  #left: number;

  constructor(message: Uint8Array, max: number) {
    super(message);
    this.#max = max;
    this.#left = max;
    const read = this.uint32;
    // Tags, lengths and small numbers all pass here.
    this.uint32 = () => {
      this.#count();
      return read.call(this);
    };
  }

  override fixed32(): number {
    this.#count();
    return super.fixed32();
  }

  override sfixed32(): number {
    this.#count();
    return super.sfixed32();
  }

  #count(): void {
    this.#left -= 1;
    if (this.#left < 0) throw new RangeError(`The message has more than ${this.#max} values.`);
  }
}

type Deserialize = (message: Buffer) => unknown;

/**
 * The same reading of messages, bounded. A message with fewer bytes than values are allowed is read as it always was;
 * generated code goes on with a reader where it is given one.
 */
export function bounded(deserialize: Deserialize, max = MAX_MESSAGE_VALUES): Deserialize {
  return (message) =>
    deserialize(message.length <= max ? message : (new BoundedReader(message, max) as unknown as Buffer));
}
