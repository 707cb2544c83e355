// Which test shows what of which policy. A row counts only where a test of this title is in the file, and the file is about
// the policy: it runs over all methods, or names the policy. What no row shows is printed as not tested.
import { readFileSync, existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../../..');

/**
 * @typedef {object} Proof
 * @property {string} column of the matrix
 * @property {string} file
 * @property {string} title as it is written in the file
 * @property {readonly string[] | 'every'} policies ids; `every` where the file runs over `methodCards`
 * @property {string} [listedIn] the file that lists the policies for the test, where that is another
 */

const output = 'libs/engine/src/engine-output.spec.ts';
const restart = 'services/embedded/test/kv-store.e2e-spec.ts';
/** Asks a model the same under every policy, and compares bits. */
const onModel = {
  file: 'services/embedded/test/attention.e2e-spec.ts',
  listedIn: 'services/embedded/test/support/small-policies.ts',
  policies: [
    ...['balanced', 'fast', 'streaming', 'masformer', 'longgen', 'duo-attention', 'razor-attention'],
    ...['xattention', 'minference', 'flexprefill', 'skip-softmax', 'quest', 'lserve', 'tokenselect', 'double-sparsity'],
  ],
};

/** @type {readonly Proof[]} */
export const proofs = [
  {
    column: 'prefix-cache',
    file: output,
    title: 'serves full blocks of an earlier prompt and of its answer',
    policies: ['dense'],
  },
  { column: 'chunks', file: output, title: 'the prefill budget: %i tokens', policies: ['dense'] },
  { column: 'batching', file: output, title: 'the batch: %i sequences at most', policies: ['dense'] },
  ...['kv-bf16', 'kv-f32', 'kv-int8'].map((column) => ({
    column,
    file: restart,
    title: 'a restart, KV in %s',
    policies: ['dense'],
  })),
  {
    ...{ column: 'store', file: 'libs/engine/src/engine-store.spec.ts', policies: ['dense'] },
    title: 'finds what another one has computed, to the last full block, and says the same',
  },
  { column: 'n', file: output, title: 'compute the prompt once and share its pages', policies: ['dense'] },
  {
    ...{ column: 'logprobs', file: 'libs/engine/src/engine-text.spec.ts', policies: ['dense'] },
    title: 'come one per token, headed by the greedy choice',
  },
  {
    ...{ column: 'drafts', file: 'libs/engine/src/engine-drafts-workload.spec.ts', policies: ['dense'] },
    title: 'gives with drafts what it gives without, token for token, and leaks no page',
  },
  {
    ...onModel,
    column: 'prefix-cache',
    title: 'is the same over a prefix that an equal policy has left in the pool',
  },
  { ...onModel, column: 'chunks', title: 'is the same in other chunks' },
  { ...onModel, column: 'batching', title: 'is the same in a batch of all policies' },
  ...['kv-bf16', 'kv-f32', 'kv-int8'].map((column) => ({
    ...onModel,
    column,
    title: 'an answer under a policy, KV in %s',
  })),
  { ...onModel, column: 'store', title: 'is the same over a prefix from a store' },
  { ...onModel, column: 'n', title: 'is the same in each of several choices' },
  { ...onModel, column: 'logprobs', title: 'is the same in a batch of all policies' },
  { ...onModel, column: 'drafts', title: 'is the same with drafted tokens, where the policy allows them' },
];

/** The proofs that hold, with the number of their test on the page. */
export function standingProofs(read = readSource) {
  const tests = [];
  return proofs
    .filter((proof) => holds(proof, read))
    .map((proof) => {
      const name = `${proof.file}: ${proof.title}`;
      if (!tests.includes(name)) tests.push(name);
      return { ...proof, number: tests.indexOf(name) + 1 };
    });
}

/** Whether a test of that title is there, and about those policies. */
export function holds({ file, title, policies, listedIn = file }, read = readSource) {
  if (!(read(file) ?? '').includes(title)) return false;
  const text = read(listedIn) ?? '';
  if (policies === 'every') return text.includes('methodCards');
  // A request that says nothing is dense.
  return policies.every((id) => id === 'dense' || text.includes(id));
}

function readSource(file) {
  const path = join(root, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}
