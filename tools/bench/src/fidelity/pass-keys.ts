import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KvDtype } from '@longhaul/engine-native';
import { importModel } from '@longhaul/model';
import { NEEDLE_3M, needleDocument, passKeyQuestion } from '@longhaul/testing';
import { serveProcess } from '../restart/served-process.js';
import { atLeast, type FidelityRow } from './rows.js';

const LENGTHS = [4096, 8192, 16_384, 31_000] as const;
/** Words of a document of so many tokens, questions and template included. */
const WORDS_PER_TOKEN = 0.87;
const QUESTIONS = 10;
const ANSWER_TOKENS = 32;

/** Facts that `needle-3m` finds in long documents, over HTTP: as many with this KV type as with bf16. */
export async function passKeyRows(kv: KvDtype): Promise<FidelityRow[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'longhaul-fidelity-'));
  try {
    const out = join(scratch, 'needle-3m');
    await importModel({ source: NEEDLE_3M, out, weights: 'int8', name: 'needle-3m' });
    const reference = await answersOf(out, 'bf16');
    const answers = await answersOf(out, kv);
    return LENGTHS.map((length, i) =>
      atLeast(
        `pass keys found in ${length} tokens, of ${QUESTIONS}; bf16's as bar`,
        answers[i] ?? 0,
        reference[i] ?? 0,
      ),
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Right answers for each length. */
async function answersOf(model: string, kv: KvDtype): Promise<number[]> {
  const tokens = String(Math.max(...LENGTHS) + 2048);
  const server = await serveProcess(['--model', model, '--kv-cache-tokens', tokens, '--kv-cache-dtype', kv]);
  try {
    const right: number[] = [];
    for (const length of LENGTHS) {
      const document = needleDocument(Math.floor(length * WORDS_PER_TOKEN), QUESTIONS, length);
      let found = 0;
      for (const { name, key } of document.passKeys) {
        const answer = await ask(server.url, `${document.text}\n${passKeyQuestion(name)}`);
        if (answer.includes(key)) found++;
      }
      right.push(found);
    }
    return right;
  } finally {
    await server.stop();
  }
}

async function ask(url: string, content: string): Promise<string> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content }], temperature: 0, max_tokens: ANSWER_TOKENS }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${text}`);
  const body = JSON.parse(text) as { choices: { message: { content: string } }[] };
  return body.choices[0]?.message.content ?? '';
}
