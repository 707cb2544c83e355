import { workerV1 } from '@longhaul/contracts';
import type { TokenizerFiles } from '@longhaul/inference';
import { AppError } from '@longhaul/kernel';

/** Large vocabularies stay under 40 MB; more is a fault of the sender. */
const MAX_BYTES = 128 * 2 ** 20;

/** Puts the chunks of a GetTokenizer stream together. */
export async function assembleTokenizer(chunks: AsyncIterable<workerV1.TokenizerChunk>): Promise<TokenizerFiles> {
  const parts = new Map<workerV1.TokenizerChunk_File, Uint8Array[]>();
  let total = 0;
  for await (const { file, data } of chunks) {
    total += data.length;
    if (total > MAX_BYTES) throw tooLarge();
    parts.set(file, [...(parts.get(file) ?? []), data]);
  }
  const template = parts.get(workerV1.TokenizerChunk_File.FILE_CHAT_TEMPLATE);
  return {
    tokenizerJson: Buffer.concat(parts.get(workerV1.TokenizerChunk_File.FILE_TOKENIZER_JSON) ?? []),
    tokenizerConfigJson: Buffer.concat(parts.get(workerV1.TokenizerChunk_File.FILE_TOKENIZER_CONFIG_JSON) ?? []),
    chatTemplate: template ? Buffer.concat(template).toString('utf8') : null,
  };
}

function tooLarge(): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'TOKENIZER_TOO_LARGE',
    message: `The worker's tokenizer files are larger than ${MAX_BYTES} bytes.`,
  });
}
