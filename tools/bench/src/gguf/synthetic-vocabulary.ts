/** A byte-level BPE vocabulary that means nothing but is valid: bytes, letter pairs and triples, and their merges. */
export interface SyntheticVocabulary {
  tokens: string[];
  merges: string[];
  /** GGUF token types: 1 normal, 3 control. */
  types: number[];
  bosTokenId: number;
  eosTokenId: number;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const NORMAL = 1;
const CONTROL = 3;

/** Exactly `size` tokens, 1,000 to 400,000. */
export function syntheticVocabulary(size: number): SyntheticVocabulary {
  const tokens = ['<|begin|>', '<|end|>', ...byteAlphabet()];
  const merges: string[] = [];
  const pairs = [...LETTERS].flatMap((left) => [...LETTERS].map((right) => [left, right] as const));
  const triples = pairs.flatMap(([a, b]) => [...LETTERS].map((right) => [a + b, right] as const));
  const quads = pairs.flatMap(([a, b]) => pairs.map(([c, d]) => [a + b, c + d] as const));
  for (const [left, right] of [...pairs, ...triples, ...quads]) {
    if (tokens.length === size) break;
    tokens.push(left + right);
    merges.push(`${left} ${right}`);
  }
  const types = tokens.map((_, id) => (id < 2 ? CONTROL : NORMAL));
  return { tokens, merges, types, bosTokenId: 0, eosTokenId: 1 };
}

/** The 256 printable characters that stand for bytes in byte-level BPE. */
function byteAlphabet(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : next++));
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}
