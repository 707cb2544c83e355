// Every policy that has a name, and what it comes to for a model.
import { compilePolicy, DENSE, methodCards, presetNames, UNBOUNDED } from '@longhaul/attention';
import { models } from './models.mjs';

const [shown] = models;

/** Presets, then methods; dense once. */
export const policies = [
  ...presetNames.map((preset) => ({ id: preset, spec: preset === 'dense' ? DENSE : { preset } })),
  ...methodCards.filter(({ id }) => id !== 'dense').map(({ id, policy }) => ({ id, spec: policy })),
].map((policy) => ({ ...policy, compiled: compilePolicy(policy.spec, shown) }));

/** Facts of a policy for the matrix: what code says of it, whatever is tested. */
export function allows({ compiled }, column) {
  return column === 'drafts' ? compiled.drafts : true;
}

/** What a policy shares of a prompt with dense requests. */
export function sharedPrefix({ exactBelow, prefillNumerics }) {
  if (prefillNumerics === '') return 'all of it: the prompt is computed densely';
  const beyond = 'with requests of an equal policy';
  return exactBelow === 0 ? beyond : `below ${grouped(exactBelow)} tokens; beyond, ${beyond}`;
}

/** Where prompts are cut into chunks. */
export function chunkCuts({ alignment }) {
  return alignment === 1 ? 'anywhere' : `at multiples of ${alignment} tokens`;
}

export function grouped(count) {
  return count >= UNBOUNDED ? 'any' : count.toLocaleString('en-US');
}
