import type { CompiledPolicy } from '@longhaul/attention';
import type { EngineContext } from '../context.js';
import { notify } from '../observer.js';
import type { SequenceAttentionStatistics } from '../ports.js';
import type { PlannedItem } from '../scheduler/planned-item.js';
import type { RequestState, Sequence } from '../sequence/sequence.js';

/** What the samples of a step mean for its sequences: they are told of, and a choice whose policy keeps too little falls back. */
export class StepAudit {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Before the request may end, and be told what it has used. Not for what is computed again. */
  tally({ sequence, past }: PlannedItem, { audit }: SequenceAttentionStatistics): void {
    if (audit.samples === 0) return;
    const { owner, promptLength } = sequence;
    const breach = past >= promptLength && audit.recallLeast < this.#leastRecall(owner);
    owner.attention.addAudit(audit, breach);
    const { samples, recallSum, errorSum } = audit;
    const means = { recall: recallSum / samples, error: errorSum / samples };
    const { requestId } = owner.request;
    const { observer } = this.#context;
    notify(() => observer.audited?.({ requestId, label: owner.compiled.label, samples, ...means, breach }));
  }

  /** Once the step is committed. Not for what is computed again, which has been judged. */
  judge({ sequence, past }: PlannedItem, read: SequenceAttentionStatistics): void {
    const policy = sequence.attention.at(past);
    if (policy === null || sequence.state !== 'running') return;
    const { requestId } = sequence.owner.request;
    const verdict = this.#context.judgeAttention({ requestId, choice: sequence.choice, policy }, read);
    if (verdict.kind === 'fall-back') sequence.fallBack(verdict.to);
    else if (past >= sequence.promptLength) this.#judgeSamples(sequence, policy, read);
  }

  /** @param policy that the samples are of: first its denser one takes over, then dense attention. */
  #judgeSamples(sequence: Sequence, policy: CompiledPolicy, { audit }: SequenceAttentionStatistics): void {
    const { owner, choice } = sequence;
    // How many tokens are drafted at once depends on load, and the samples of those that are refused are among the others.
    if (owner.request.speculation !== null) return;
    const recall = sequence.attention.audited.add(audit);
    if (recall === null || recall >= this.#leastRecall(owner)) return;
    sequence.fallBack(policy.denser);
    const to = policy.denser === null ? 'dense' : 'denser';
    const { requestId } = owner.request;
    const { observer } = this.#context;
    notify(() => observer.fellBack?.({ requestId, choice, label: owner.compiled.label, to, recall }));
  }

  /** Of the policy itself, else of the server. */
  #leastRecall({ compiled }: RequestState): number {
    return compiled.audit.leastRecall ?? this.#context.audit.leastRecall;
  }
}
