import type { CompiledPolicy } from '@longhaul/attention';
import type { EngineContext } from '../context.js';
import { notify } from '../observer.js';
import type { SequenceAttentionStatistics } from '../ports.js';
import type { PlannedItem } from '../scheduler/planned-item.js';
import type { RequestState, Sequence } from '../sequence/sequence.js';
import type { AuditMeans } from './audit-windows.js';

/** What a step has found of one of its sequences. */
export interface StepFinding {
  readonly read: SequenceAttentionStatistics;
  /** Divergence of the next token from dense attention, nats; null: not compared. */
  readonly kl: number | null;
}

/** What the samples of a step mean for its sequences: they are told of, and a choice whose policy keeps too little falls back. */
export class StepAudit {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Before the request may end, and be told what it has used. Not for what is computed again. */
  tally({ sequence, past }: PlannedItem, { read: { audit }, kl }: StepFinding): void {
    const { samples, recallSum, recallLeast, errorSum } = audit;
    if (samples === 0 && kl === null) return;
    const { owner, promptLength } = sequence;
    const breach = past >= promptLength && beyond(this.#bound(owner), { recall: recallLeast, kl });
    owner.attention.addAudit(audit, kl, breach);
    const queries = samples === 0 ? null : { samples, recall: recallSum / samples, error: errorSum / samples };
    const { requestId } = owner.request;
    const { observer } = this.#context;
    notify(() => observer.audited?.({ requestId, label: owner.compiled.label, queries, kl, breach }));
  }

  /** Once the step is committed. Not for what is computed again, which has been judged. */
  judge({ sequence, past }: PlannedItem, found: StepFinding): void {
    const policy = sequence.attention.at(past);
    if (policy === null || sequence.state !== 'running') return;
    const { requestId } = sequence.owner.request;
    const verdict = this.#context.judgeAttention({ requestId, choice: sequence.choice, policy }, found.read);
    if (verdict.kind === 'fall-back') sequence.fallBack(verdict.to);
    else if (past >= sequence.promptLength) this.#judgeSamples(sequence, policy, found);
  }

  /** @param policy that the samples are of: first its denser one takes over, then dense attention. */
  #judgeSamples(sequence: Sequence, policy: CompiledPolicy, { read, kl }: StepFinding): void {
    const { owner } = sequence;
    // How many tokens are drafted at once depends on load, and the samples of those that are refused are among the others.
    if (owner.request.speculation !== null) return;
    const means = sequence.attention.audited.add(read.audit, kl);
    if (!beyond(this.#bound(owner), means)) return;
    sequence.fallBack(policy.denser);
    this.#tell(sequence, { to: policy.denser === null ? 'dense' : 'denser', ...means });
  }

  #tell({ owner, choice }: Sequence, found: { to: 'denser' | 'dense' } & AuditMeans): void {
    const { requestId } = owner.request;
    const { observer } = this.#context;
    notify(() => observer.fellBack?.({ requestId, choice, label: owner.compiled.label, ...found }));
  }

  /** Of the policy itself, else of the server. */
  #bound({ compiled: { audit } }: RequestState): Bound {
    const { leastRecall, mostKl } = this.#context.audit;
    return { leastRecall: audit.leastRecall ?? leastRecall, mostKl: audit.mostKl ?? mostKl };
  }
}

interface Bound {
  readonly leastRecall: number;
  readonly mostKl: number;
}

function beyond({ leastRecall, mostKl }: Bound, { recall, kl }: AuditMeans): boolean {
  return (recall !== null && recall < leastRecall) || (kl !== null && kl > mostKl);
}
