import { AppError } from '@longhaul/kernel';
import type OpenAI from 'openai';
import { policyTitle, type PolicyChoice } from '../policies/policy-choice.js';
import type { Sample } from '../tasks/task.js';

/** What the server says about the attention of one answer. */
export interface AttentionReport {
  /** Share of the visible keys that was read; 1 is dense. */
  readonly density: { readonly prefill: number; readonly decode: number };
  /** Mean share of the attention mass that the read keys had, by the audit; null where nothing was audited. */
  readonly recall: number | null;
  readonly breaches: number;
  readonly fallbacks: number;
}

/** One answer and how long it took. */
export interface Answer {
  readonly text: string;
  readonly promptTokens: number;
  readonly answerTokens: number;
  /** Ended by its bound of tokens, not by itself. */
  readonly cut: boolean;
  /** From the request to the first token. */
  readonly prefillS: number;
  /** From the first token to the last. */
  readonly decodeS: number;
  readonly attention: AttentionReport;
}

export interface Question {
  readonly sample: Pick<Sample, 'tokenIds' | 'answerTokens' | 'stop'>;
  readonly policy: PolicyChoice;
  /** Different for every question: an answer that takes its prompt from the cache says nothing about time. */
  readonly salt: string;
}

export interface Asked {
  readonly client: OpenAI;
  readonly model: string;
}

interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number };
  /** Absent or null where the engine tells nothing. */
  readonly longhaul?: LonghaulUsage | null;
}

interface LonghaulUsage {
  readonly policy: string;
  readonly density: { readonly prefill: number; readonly decode: number };
  readonly audit?: { readonly recall: number | null; readonly breaches: number } | null;
  readonly fallbacks?: number;
}

type Body = OpenAI.CompletionCreateParamsStreaming & { cache_salt: string; longhaul?: { attention: unknown } };

/**
 * Asks greedily with a prompt of token ids.
 *
 * @throws AppError `POLICY_NOT_USED` where the server answered under another policy than the one that was asked for,
 *   `PREFIX_CACHED` where a part of the prompt was not computed; errors of the server as they come.
 */
export async function ask({ client, model }: Asked, { sample, policy, salt }: Question): Promise<Answer> {
  const body: Body = {
    model,
    prompt: [...sample.tokenIds],
    max_tokens: sample.answerTokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
    cache_salt: salt,
    ...(sample.stop === undefined ? {} : { stop: [...sample.stop] }),
    ...(policy.attention === null ? {} : { longhaul: { attention: policy.attention } }),
  };
  const started = performance.now();
  const seen = await read(await client.completions.create(body));
  const ended = performance.now();
  const { usage, text, finish, firstMs } = seen;
  if (usage === null) throw failed('NO_USAGE', 'The server did not say what an answer took.');
  refuseCached(usage);
  const first = firstMs ?? ended;
  return {
    text,
    promptTokens: usage.prompt_tokens,
    answerTokens: usage.completion_tokens,
    cut: finish === 'length',
    prefillS: (first - started) / 1000,
    decodeS: (ended - first) / 1000,
    attention: attentionOf(usage.longhaul, policy),
  };
}

async function read(stream: AsyncIterable<OpenAI.Completion>) {
  let text = '';
  let firstMs: number | null = null;
  let finish: string | null = null;
  let usage: Usage | null = null;
  for await (const chunk of stream) {
    const choice = chunk.choices[0];
    if (choice !== undefined) {
      firstMs ??= performance.now();
      text += choice.text;
      // The last chunk alone has a reason, whatever the type says.
      finish = (choice.finish_reason as string | null) ?? finish;
    }
    usage = (chunk.usage as Usage | null | undefined) ?? usage;
  }
  return { text, firstMs, finish, usage };
}

/** @throws AppError `POLICY_NOT_USED`: nothing is silently dense, and nothing silently sparse. */
export function attentionOf(used: LonghaulUsage | null | undefined, policy: PolicyChoice): AttentionReport {
  const name = used?.policy ?? 'dense';
  if (name !== policy.name)
    throw failed('POLICY_NOT_USED', `${policyTitle(policy)} was asked for, and the server answered with ${name}.`);
  return {
    density: used?.density ?? { prefill: 1, decode: 1 },
    recall: used?.audit?.recall ?? null,
    breaches: used?.audit?.breaches ?? 0,
    fallbacks: used?.fallbacks ?? 0,
  };
}

function refuseCached({ prompt_tokens_details: details }: Usage): void {
  const cached = details?.cached_tokens ?? 0;
  if (cached > 0) throw failed('PREFIX_CACHED', `${cached} tokens of a prompt came from the cache of prefixes.`);
}

function failed(reason: string, message: string): AppError {
  return new AppError({ code: 'FAILED_PRECONDITION', reason, message });
}
