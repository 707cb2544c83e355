const NOT_SAVED = 'it is the page or message of a web server and not the file; download it again';

interface Sign {
  /** What the first bytes look like as Latin-1. */
  readonly pattern: RegExp;
  readonly what: string;
}

/** Files that often lie where a checkpoint's file should be, by how they begin. */
const SIGNS: readonly Sign[] = [
  {
    pattern: /^version https:\/\/git-lfs\.github\.com\/spec/,
    what: 'it is a git-LFS pointer and not the file itself; run "git lfs pull" in its repository, or download the file',
  },
  { pattern: /^\s*(<!doctype|<html|<head|<\?xml)/i, what: NOT_SAVED },
  {
    // A JSON object in place of weights: hubs answer errors so.
    pattern: /^\s*\{\s*"(error|message|detail)"\s*:/,
    what: NOT_SAVED,
  },
  {
    pattern: /^(Access to model|Entry not found|Repository not found|Invalid (username|credentials))/,
    what: NOT_SAVED,
  },
  {
    pattern: /^PK\x03\x04/,
    what: 'it is a zip archive (or a pickled PyTorch file, which is one); unpack an archive and name the directory, or take the safetensors or GGUF files of the model',
  },
  {
    pattern: /^\x80[\x02-\x05]/,
    what: 'it is a pickled PyTorch file; take the safetensors or GGUF files of the model',
  },
  {
    pattern: /^\x1f\x8b|^BZh|^\xfd7zXZ|^\x28\xb5\x2f\xfd/,
    what: 'it is compressed; unpack it and name what was in it',
  },
  { pattern: /^[\s\S]{257}ustar/, what: 'it is a tar archive; unpack it and name the directory' },
  {
    pattern: /^(lmgg|fmgg|tjgg|algg)/,
    what: 'it is in a format of llama.cpp from before GGUF; convert it again, or download a GGUF file of the model',
  },
  {
    pattern: /^\x89HDF\r\n/,
    what: 'it holds TensorFlow or Keras weights; take the safetensors or GGUF files of the model',
  },
  {
    // Field 1 (ir_version) as a small number, then the producer's name or the graph.
    pattern: /^\x08[\x01-\x14][\x12\x3a]/,
    what: 'it is an ONNX model; name the Hugging Face checkpoint or the GGUF file that it was made from',
  },
  { pattern: /^GGUF/, what: 'it is a GGUF file; name the file itself as the model' },
];

/** How many leading bytes {@link foreignFile} looks at. */
export const FOREIGN_PREFIX_BYTES = 512;

/**
 * What a file is instead of what its name says, and what to do about it; null where it looks like none of the known ones.
 *
 * @param bytes the beginning of the file, {@link FOREIGN_PREFIX_BYTES} or more.
 */
export function foreignFile(bytes: Uint8Array): string | null {
  if (bytes.length === 0) return 'it is empty; the download or copy did not finish';
  const head = Buffer.from(bytes.subarray(0, FOREIGN_PREFIX_BYTES));
  if (head.every((byte) => byte === 0)) return 'it begins with zeros only; the download or copy did not finish';
  const text = head.toString('latin1');
  return SIGNS.find(({ pattern }) => pattern.test(text))?.what ?? null;
}
