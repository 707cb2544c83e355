import type { MethodCard } from './method-card.js';

/** Attention to everything that is visible: no plan at all. */
export const denseCard: MethodCard = {
  id: 'dense',
  title: 'Dense attention',
  source: 'Attention Is All You Need, arXiv:1706.03762, section 3.2',
  what: 'Every query looks at every key before it. The default, and what all others are compared with.',
  fails: 'Time and memory traffic grow with the square of the prompt and with the length of the text per token.',
  differs: null,
  policy: { name: 'dense', plans: [] },
};
