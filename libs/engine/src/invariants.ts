import { pagesFor } from './limits.js';
import type { EngineSnapshot, SequenceSnapshot } from './snapshot.js';

/**
 * Everything that must hold between any two steps, as one pure function.
 *
 * @returns one sentence per violation; empty when all is well.
 */
export function engineViolations(snapshot: EngineSnapshot): string[] {
  return [
    ...pageViolations(snapshot),
    ...[...snapshot.running, ...snapshot.loading].flatMap(sequenceViolations),
    ...transferViolations(snapshot),
    ...snapshot.waiting.filter(({ pages }) => pages.length > 0).map((s) => `${name(s)} waits but holds pages`),
    ...slotViolations(snapshot),
    ...cacheViolations(snapshot),
  ];
}

function pageViolations({ pages, running, loading, waiting, transfers }: EngineSnapshot): string[] {
  const holders = pages.references.map(() => 0);
  const held = [...running, ...loading, ...waiting].map((sequence) => [...sequence.pages, ...sequence.reserved]);
  for (const page of [...held, ...transfers].flat()) holders[page] = (holders[page] ?? 0) + 1;
  const free = new Set(pages.free);
  const faults: string[] = [];
  if (free.size !== pages.free.length) faults.push('a page is twice in the free list');
  let idle = 0;
  pages.references.forEach((references, page) => {
    const cached = pages.cached[page] === 1;
    if (references !== holders[page]) faults.push(`page ${page}: ${references} references, ${holders[page]} holders`);
    if (free.has(page) !== (references === 0 && !cached)) faults.push(`page ${page} is in the wrong list`);
    if (references === 0 && cached) idle++;
  });
  if (idle !== pages.idle) faults.push(`${pages.idle} pages counted idle, ${idle} are`);
  return faults;
}

function sequenceViolations(sequence: SequenceSnapshot): string[] {
  const faults: string[] = [];
  if (sequence.computed >= sequence.tokens) faults.push(`${name(sequence)} has nothing left to compute`);
  if (sequence.pages.length !== pagesFor(sequence.computed)) {
    faults.push(`${name(sequence)}: ${sequence.pages.length} pages for ${sequence.computed} computed tokens`);
  }
  if (new Set(sequence.pages).size !== sequence.pages.length) faults.push(`${name(sequence)} has a page twice`);
  return faults;
}

/** What is being written by a load is nobody else's; what is being read is sealed. */
function transferViolations({ pages, running, loading, transfers }: EngineSnapshot): string[] {
  const used = new Set([...running, ...loading].flatMap((s) => [...s.pages, ...s.reserved]));
  return transfers
    .flat()
    .filter((page) => pages.cached[page] !== 1 && (used.has(page) || (pages.references[page] ?? 0) > 1))
    .map((page) => `page ${page} is being transferred but neither sealed nor set aside`);
}

function slotViolations({ running, loading, limits }: EngineSnapshot): string[] {
  const slots = [...running, ...loading].reduce((sum, sequence) => sum + sequence.slots, 0);
  return slots <= limits.maxSequences ? [] : [`${slots} slots in use of ${limits.maxSequences}`];
}

function cacheViolations({ cache, pages }: EngineSnapshot): string[] {
  const faults: string[] = [];
  const children = new Map<number, number>();
  for (const { page, parentPage } of cache) {
    if (pages.cached[page] !== 1) faults.push(`cached block on page ${page}, which is not marked cached`);
    if (parentPage === null) continue;
    children.set(parentPage, (children.get(parentPage) ?? 0) + 1);
    if ((pages.references[parentPage] ?? 0) < 1 && (pages.references[page] ?? 0) > 0) {
      faults.push(`page ${page} is in use but its parent block ${parentPage} is idle`);
    }
  }
  for (const node of cache) {
    if (node.children !== (children.get(node.page) ?? 0)) faults.push(`page ${node.page} miscounts its child blocks`);
  }
  const marked = pages.cached.reduce((sum, flag) => sum + flag, 0);
  if (marked !== cache.length) faults.push(`${marked} pages marked cached, ${cache.length} cached blocks`);
  return faults;
}

function name({ requestId, choice }: SequenceSnapshot): string {
  return `sequence ${requestId}/${choice}`;
}
