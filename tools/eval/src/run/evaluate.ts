import { AppError } from '@longhaul/kernel';
import { policyTitle, type PolicyChoice } from '../policies/policy-choice.js';
import type { PromptCodec } from '../prompt/prompt-codec.js';
import { Progress, type ProgressOutput } from '../report/progress.js';
import type { Sample, Task } from '../tasks/task.js';
import { ask, type Answer, type Asked } from './answer.js';
import type { Journal } from './journal.js';
import type { Outcome, OutcomePlace } from './outcome.js';
import { casesOf, placeOf, type Case, type Plan } from './plan.js';

export interface EvaluateOptions {
  readonly plan: Plan;
  readonly codec: PromptCodec;
  readonly journal: Journal;
  /** Starts a server of a KV type; its user stops it. */
  start(kv: string): Promise<Asked & { stop(): Promise<void> }>;
  /** Of progress; stderr by default. */
  readonly output?: ProgressOutput;
}

/** Asks what the journal does not have yet. All policies of a sample follow each other, so that times are of the same minute. */
export async function evaluate({ plan, codec, journal, start, output }: EvaluateOptions): Promise<void> {
  for (const policy of plan.policies) journal.declare(policyTitle(policy), policy.digest);
  const missing = (each: Case): PolicyChoice[] =>
    plan.policies.filter((policy) => journal.find(placeOf(each, policy)) === null);
  const open = casesOf(plan).filter((each) => missing(each).length > 0);
  const progress = new Progress(
    open.reduce((sum, each) => sum + missing(each).length, 0),
    output,
  );
  for (const kv of plan.kvTypes) {
    const cases = open.filter((each) => each.kv === kv);
    if (cases.length === 0) continue;
    const server = await start(kv);
    try {
      await preflight(server, plan.policies, codec);
      for (const each of cases) {
        const sample = each.task.sample({ seed: plan.seed, length: each.length, index: each.index }, codec);
        for (const policy of missing(each)) {
          const place = placeOf(each, policy);
          const outcome = await outcomeOf({ server, place, policy, task: each.task, sample });
          journal.add(outcome);
          progress.step(`${kv} ${each.length} ${each.task.name} ${policyTitle(policy)} ${outcome.score.toFixed(2)}`);
        }
      }
    } finally {
      progress.end();
      await server.stop();
    }
  }
}

/** A policy that the server does not take, or does not use, is found out before hours are spent. */
async function preflight(server: Asked, policies: readonly PolicyChoice[], codec: PromptCodec): Promise<void> {
  const tokenIds = codec.encode({ text: 'The sky is blue.', answerPrefix: '' });
  for (const policy of policies) {
    const salt = `preflight ${policyTitle(policy)}`;
    await ask(server, { policy, sample: { tokenIds, answerTokens: 1 }, salt }).catch((cause: unknown) => {
      throw refused(policy, cause);
    });
  }
}

function refused(policy: PolicyChoice, cause: unknown): AppError {
  const said = cause instanceof Error ? cause.message : String(cause);
  return new AppError({
    ...{ code: 'FAILED_PRECONDITION', reason: 'POLICY_REFUSED', field: '--policies', cause },
    message: `--policies: the server does not answer under ${policyTitle(policy)}: ${said}`,
  });
}

interface Asking {
  readonly server: Asked;
  readonly place: OutcomePlace;
  readonly policy: PolicyChoice;
  readonly task: Task;
  readonly sample: Sample;
}

async function outcomeOf({ server, place, policy, task, sample }: Asking): Promise<Outcome> {
  const answer: Answer = await ask(server, { policy, sample, salt: JSON.stringify(place) });
  return {
    ...place,
    score: task.score(answer.text, sample),
    answer: answer.text,
    prompt_tokens: answer.promptTokens,
    answer_tokens: answer.answerTokens,
    cut: answer.cut,
    prefill_s: answer.prefillS,
    decode_s: answer.decodeS,
    ...answer.attention,
  };
}
