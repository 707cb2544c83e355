// The matrix of policies and what they go with.
import { allows, policies } from './policies.mjs';
import { standingProofs } from './proofs.mjs';

export const columns = [
  { id: 'prefix-cache', head: 'prefix cache' },
  { id: 'chunks', head: 'chunks' },
  { id: 'batching', head: 'batching' },
  { id: 'kv-bf16', head: 'bf16' },
  { id: 'kv-f32', head: 'f32' },
  { id: 'kv-int8', head: 'int8' },
  { id: 'store', head: 'store' },
  { id: 'n', head: 'n > 1' },
  { id: 'logprobs', head: 'logprobs' },
  { id: 'drafts', head: 'drafts' },
];

/** The table, and the tests that its cells name. */
export function matrixSection() {
  const proofs = standingProofs();
  const rows = policies.map(
    (policy) => `| ${[`\`${policy.id}\``, ...columns.map(({ id }) => cell(policy, id, proofs))].join(' | ')} |`,
  );
  return [
    `| policy | ${columns.map(({ head }) => head).join(' | ')} |`,
    `|---|${columns.map(() => '---|').join('')}`,
    ...rows,
    '',
    ...tests(proofs),
    '',
  ];
}

/** Each test once, by its number. */
function tests(proofs) {
  const lines = new Map(proofs.map(({ number, file, title }) => [number, `${number}. \`${file}\`: ${title}`]));
  return [...lines.keys()].sort((a, b) => a - b).map((number) => lines.get(number));
}

/** No where the code forbids it, yes where a test shows it, else not tested. */
export function cell(policy, column, proofs) {
  if (!allows(policy, column)) return 'no';
  const of = proofs.filter((proof) => proof.column === column && covers(proof, policy.id));
  return of.length === 0 ? 'not tested' : `yes (${[...new Set(of.map(({ number }) => number))].join(', ')})`;
}

function covers({ policies: ids }, id) {
  return ids === 'every' || ids.includes(id);
}
