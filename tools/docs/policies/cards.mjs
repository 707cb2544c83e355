// A card for each method, from what its file says and from what it comes to.
import { denseUpTo, methodCards, UNBOUNDED } from '@longhaul/attention';
import { compactJson } from './compact-json.mjs';
import { chunkCuts, grouped, policies, sharedPrefix } from './policies.mjs';

export function cardSections() {
  return methodCards.flatMap((card) =>
    cardOf(
      card,
      policies.find(({ id }) => id === card.id),
    ),
  );
}

function cardOf({ id, title, source, what, fails, differs, policy }, { compiled }) {
  return [
    `### ${title}`,
    '',
    `\`${id}\`. ${source}.`,
    '',
    `- **What it is.** ${what}`,
    `- **When it fails.** ${fails}`,
    ...(differs === null ? [] : [`- **What differs here.** ${differs}`]),
    ...(needs(policy) === '' ? [] : [`- **Needs.** ${needs(policy)}`]),
    ...(id === 'dense' ? [] : [`- **Sure to be dense** for texts of up to ${denseLength(compiled)} tokens.`]),
    `- **Shares** of a prompt's KV with dense requests: ${sharedPrefix(compiled)}. Prompts are cut ${chunkCuts(compiled)}.`,
    '',
    '```json',
    compactJson(policy),
    '```',
    '',
  ];
}

/** Text length up to which no head of any layer can leave anything out. */
function denseLength({ plans, skipSoftmax }) {
  if (skipSoftmax > 0) return '0';
  return grouped(Math.min(UNBOUNDED, ...plans.map(denseUpTo)));
}

function needs({ plans }) {
  const all = new Set();
  for (const { gates, branches } of plans) {
    if (gates !== undefined) all.add('the artefact `gates`');
    for (const { scorer } of branches) {
      if (scorer?.phi === 'relu-split') all.add('a KV pool that keeps `key-bounds`');
      if (scorer?.phi === 'channel-subset') all.add('the artefact `label-channels`');
    }
  }
  const text = [...all].join('; ');
  return text === '' ? '' : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
