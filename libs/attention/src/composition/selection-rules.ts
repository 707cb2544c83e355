import { forcedTokens, selectionOf, unitTokensOf } from '../compile/head-plan.js';
import type { Scorer, Selection } from '../policy.js';
import { scorerFacts } from '../scorer-facts.js';
import { selectionField } from './branch-rules.js';
import type { Fault, PlanInPlace } from './fault.js';

/** What of a selection does not go together, whatever the model. Needs branches without faults. */
export function* selectionFaults(place: PlanInPlace): Generator<Fault> {
  const selection = selectionOf(place.plan);
  const field = selectionField(place);
  yield* scorerFaults(selection, field);
  if (selection.scorer !== undefined) yield* matchFaults(selection, selection.scorer, { ...place, field });
  yield* executionFaults(selection, { ...place, field });
}

function* scorerFaults({ selector: { rule }, scorer, unit }: Selection, field: string): Generator<Fault> {
  const ranks = rule !== 'all' && rule !== 'none';
  if (ranks && scorer === undefined) {
    yield {
      field: `${field}.scorer`,
      message: `${field}.scorer is missing: the selector ${rule} ranks by its scores.`,
    };
  }
  if (ranks) return;
  for (const [name, value] of Object.entries({ scorer, unit })) {
    const place = `${field}.${name}`;
    if (value !== undefined)
      yield { field: place, message: `${place} has no use: the selector ${rule} does not rank.` };
  }
}

function* matchFaults(selection: Selection, scorer: Scorer, { plan, field }: PlanInPlace): Generator<Fault> {
  const { selector, unit } = selection;
  if (selector.rule === 'all' || selector.rule === 'none') return;
  const facts = scorerFacts[scorer.phi];
  if (!facts.phases.includes(plan.phase)) {
    const message = `${field}.scorer.phi: ${scorer.phi} scores in ${facts.phases.join(' and ')} only.`;
    yield { field: `${field}.scorer.phi`, message };
  }
  if (selector.rule === 'top-cdf') yield* massFaults(scorer, field);
  else if (!facts.rules.includes(selector.rule)) {
    const message = `${field}.selector.rule is ${selector.rule}; after ${scorer.phi} it must be ${facts.rules.join(' or ')}.`;
    yield { field: `${field}.selector.rule`, message };
  }
  if (unit !== undefined && unit.kind !== facts.unit) {
    yield {
      field: `${field}.unit.kind`,
      message: `${field}.unit.kind is ${unit.kind}; ${scorer.phi} scores a ${facts.unit}.`,
    };
  } else if (facts.unitTokens !== null && !facts.unitTokens.includes(unitTokensOf(selection))) {
    const message = `${field}.unit.tokens must be ${facts.unitTokens.join(' or ')} for ${scorer.phi}.`;
    yield { field: `${field}.unit.tokens`, message };
  }
}

/** A share of mass means something only where scores are shares of it. */
function* massFaults(scorer: Scorer, field: string): Generator<Fault> {
  const { score } = scorerFacts[scorer.phi];
  const place = `${field}.selector.rule`;
  if (score === 'bound') {
    const message = `${place} is top-cdf, but ${scorer.phi} gives bounds, not probabilities; use top-k.`;
    yield { field: place, message };
  }
  if (score === 'logit' && (!('head_reduce' in scorer) || scorer.head_reduce !== 'vote')) {
    const message = `${place} is top-cdf, but ${scorer.phi} gives logits; use top-k, or head_reduce vote.`;
    yield { field: place, message };
  }
}

function* executionFaults(selection: Selection, { plan, field }: PlanInPlace): Generator<Fault> {
  const { selector, reuse, exec } = selection;
  if (reuse !== undefined && reuse.kind !== 'always' && (plan.phase !== 'decode' || selection.scorer === undefined)) {
    yield { field: `${field}.reuse`, message: `${field}.reuse is for lists that are chosen in decode.` };
  }
  if (exec === 'summary' && (plan.phase !== 'decode' || selector.rule !== 'none')) {
    yield {
      field: `${field}.exec`,
      message: `${field}.exec is summary, which is for what the selector none drops in decode.`,
    };
  }
  if (selector.rule === 'none' && forcedTokens(plan, 'window') === 0) {
    const message = `${field}.selector.rule is none without a window: a query would not look at its own token.`;
    yield { field: `${field}.selector.rule`, message };
  }
  if (selector.rule === 'top-k') yield* budgetFaults(selection, { plan, field, tokens: selector.tokens });
  if (selector.rule === 'top-cdf') {
    const { min_units: least = 0, max_units: most = Infinity } = selector;
    if (least > most)
      yield { field: `${field}.selector.min_units`, message: `${field}.selector.min_units is more than max_units.` };
  }
}

/** Sink, window and the query's own unit are inside the budget. */
function* budgetFaults(
  selection: Selection,
  { plan, field, tokens }: Pick<PlanInPlace, 'plan' | 'field'> & { tokens: number },
): Generator<Fault> {
  const unit = unitTokensOf(selection);
  const units = (count: number) => Math.ceil(count / unit) * unit;
  const forced = units(forcedTokens(plan, 'sink')) + units(Math.max(1, forcedTokens(plan, 'window')));
  if (tokens >= forced) return;
  const place = `${field}.selector.tokens`;
  yield { field: place, message: `${place} is ${tokens}; sink, window and the query's own unit alone have ${forced}.` };
}
