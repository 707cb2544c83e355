import { fromByteAlphabet } from './byte-level.js';
import { objectAt, objectsAt, stringAt, unsupported, type JsonObject } from './json.js';
import { patternAt } from './normalizer.js';

/** How tokens turn back into text. */
export interface TokenDecoder {
  /** Bytes of one token, wherever it stands but at the start. */
  bytes(token: string): Uint8Array;
  /** Bytes of the first token of a text; differs where the tokenizer puts a space in front of every text. */
  firstBytes(token: string): Uint8Array;
  /** Spaces to take off the start of a text: 1 where the tokenizer puts one there. */
  readonly stripStart: 0 | 1;
}

const utf8 = new TextEncoder();
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;

interface Steps {
  replacements: { pattern: RegExp; content: string }[];
  byteAlphabet: boolean;
  byteFallback: boolean;
  stripStart: 0 | 1;
  /** Metaspace: the mark becomes a space, and nothing at all in the first token when `dropFirst`. */
  mark: { text: string; dropFirst: boolean } | null;
}

function readStrip(spec: JsonObject): 0 | 1 {
  const { content, start, stop } = spec;
  if (content !== ' ' || (start !== 0 && start !== 1) || stop !== 0) {
    throw unsupported('decoder Strip is supported only for at most one space at the start.');
  }
  return start;
}

function readStep(spec: JsonObject, steps: Steps): void {
  const type = stringAt(spec['type'], 'decoder.type');
  switch (type) {
    case 'Sequence':
      for (const inner of objectsAt(spec['decoders'], 'decoder.decoders')) readStep(inner, steps);
      break;
    case 'Replace':
      steps.replacements.push({
        pattern: patternAt(spec['pattern'], 'decoder.pattern'),
        content: stringAt(spec['content'], 'decoder.content'),
      });
      break;
    case 'ByteLevel':
      steps.byteAlphabet = true;
      break;
    case 'ByteFallback':
      steps.byteFallback = true;
      break;
    case 'Fuse':
      break;
    case 'Strip':
      steps.stripStart = readStrip(spec);
      break;
    case 'Metaspace':
      steps.mark = {
        text: stringAt(spec['replacement'], 'decoder.replacement'),
        dropFirst: (spec['prepend_scheme'] ?? (spec['add_prefix_space'] === false ? 'never' : 'always')) !== 'never',
      };
      break;
    default:
      throw unsupported(`decoder ${type} is not supported.`);
  }
}

function pieceBytes(token: string, steps: Steps, first: boolean): Uint8Array {
  let text = token;
  for (const { pattern, content } of steps.replacements) text = text.replace(pattern, () => content);
  if (steps.mark !== null) text = text.replaceAll(steps.mark.text, first && steps.mark.dropFirst ? '' : ' ');
  const byte = steps.byteFallback ? BYTE_TOKEN.exec(text)?.[1] : undefined;
  if (byte !== undefined) return Uint8Array.of(parseInt(byte, 16));
  return (steps.byteAlphabet ? fromByteAlphabet(text) : null) ?? utf8.encode(text);
}

/** Reads `decoder` of a tokenizer.json. */
export function readDecoder(spec: unknown): TokenDecoder {
  const steps: Steps = { replacements: [], byteAlphabet: false, byteFallback: false, stripStart: 0, mark: null };
  if (spec === null || spec === undefined) throw unsupported('a missing decoder is not supported.');
  readStep(objectAt(spec, 'decoder'), steps);
  return {
    bytes: (token) => pieceBytes(token, steps, false),
    firstBytes: (token) => pieceBytes(token, steps, true),
    stripStart: steps.stripStart,
  };
}
