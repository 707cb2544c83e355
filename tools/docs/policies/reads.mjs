// What a generated token reads of the KV before it, by the numbers of compiled policies.
import { compilePolicy, PAGE_TOKENS } from '@longhaul/attention';
import { models } from './models.mjs';
import { policies } from './policies.mjs';

const LENGTHS = [8192, 32_768, 131_072];
const [shown] = models;

/** A table of shares of what dense attention reads, bf16 KV, scoring included. */
export function readsSection() {
  const sparse = policies.filter(({ compiled }) => !compiled.decodeDense && compiled.skipSoftmax === 0);
  return [
    '## What a generated token reads',
    '',
    `Share of what dense attention reads, for ${shown.name} with bf16 KV: what is scored, and what is then looked at. Computed from head plans, not measured; a list that is`,
    'kept by cosine is counted as chosen anew. How much a prompt reads under a mass depends on its text.',
    '',
    `| policy | ${LENGTHS.map((tokens) => `at ${tokens / 1024}K`).join(' | ')} |`,
    `|---|${LENGTHS.map(() => '---|').join('')}`,
    ...sparse.map(
      ({ id, spec }) => `| \`${id}\` | ${LENGTHS.map((tokens) => percent(decodeShare(spec, tokens))).join(' | ')} |`,
    ),
    '',
  ];
}

/** Over all layers and KV heads, at the end of a text. */
export function decodeShare(spec, tokens, model = shown) {
  const { plans, table, labels } = compilePolicy(spec, model);
  const labelShare = Math.min(1, (2 * (labels?.r ?? 0)) / model.headDim);
  const heads = [...table.subarray(table.length / 2)].map((index) => headShare(plans[index], tokens, labelShare));
  return heads.reduce((sum, share) => sum + share, 0) / heads.length;
}

function headShare(plan, tokens, labelShare) {
  if (plan.rule === 'all' || tokens <= plan.denseBelow) return 1;
  const list = Math.min(tokens, listTokens(plan, tokens));
  if (list === tokens) return 1;
  return list / tokens + scoringShare(plan, labelShare) / plan.reuseEvery;
}

function listTokens({ rule, sinkTokens, windowTokens, budgetTokens, unitTokens }, tokens) {
  if (rule === 'none') return sinkTokens + windowTokens;
  return rule === 'top-k' ? Math.ceil(budgetTokens / unitTokens) * unitTokens : tokens;
}

/** Bytes that are read to rank a token, as a share of those of its key and value. */
function scoringShare({ scorer }, labelShare) {
  switch (scorer) {
    // Two numbers per dimension and page.
    case 'key-bounds':
      return 2 / (2 * PAGE_TOKENS);
    // Keys are half of KV; of a bf16 key two dimensions lie together, and both are read.
    case 'keys':
      return 0.5;
    case 'labels':
      return 0.5 * labelShare;
    default:
      return 0;
  }
}

function percent(share) {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}
