import { pagesFor } from './limits.js';
import type { EngineView, SequenceSnapshot } from './snapshot.js';
import type { Violation, ViolationKind } from './violation.js';

/** Yields a violation, or null where the caller may pause. */
export type InvariantWalk = Generator<Violation | null, void>;

/** Pages or blocks that are looked at between two pauses: some microseconds. */
const PAUSE_EVERY = 256;

/**
 * Everything that must hold between any two steps, as one pure function.
 *
 * @returns one sentence per violation; empty when all is well.
 */
export function engineViolations(view: EngineView): string[] {
  return [...walkInvariants(view)].flatMap((found) => (found === null ? [] : [found.message]));
}

/** The same in small pieces, for who has not the time to look at all of it at once. Nothing may change meanwhile. */
export function* walkInvariants(view: EngineView): InvariantWalk {
  yield* walkPages(view);
  for (const sequence of [...view.running, ...view.loading]) yield* of('sequences', sequenceFaults(sequence));
  yield* of('transfers', transferFaults(view));
  const holding = view.waiting.filter(({ pages }) => pages.length > 0);
  yield* of(
    'sequences',
    holding.map((sequence) => `${name(sequence)} waits but holds pages`),
  );
  yield* of('places', placeFaults(view));
  yield* of('attention', attentionFaults(view));
  yield* walkCache(view);
}

/** What must hold beyond that while nobody asks for anything: nothing is held any more, except by transfers under way. */
export function* walkIdleInvariants(view: EngineView & { readonly activeTransfers: number }): InvariantWalk {
  const left = [...view.running, ...view.loading, ...view.waiting];
  yield* of(
    'sequences',
    left.map((sequence) => `${name(sequence)} is ${sequence.state} although its request has ended`),
  );
  if (view.activeTransfers === 0) {
    yield* of(
      'transfers',
      view.transfers.map((pages) => `a transfer that has ended holds ${pages.length} pages`),
    );
  }
  yield* walkInvariants(view);
}

function* of(kind: ViolationKind, messages: readonly string[]): InvariantWalk {
  for (const message of messages) yield { kind, message };
}

function* walkPages({ pages, running, loading, waiting, transfers }: EngineView): InvariantWalk {
  const { references, cached, free, idle } = pages;
  const holders = new Int32Array(references.length);
  const held = [...running, ...loading, ...waiting].map((sequence) => [...sequence.pages, ...sequence.reserved]);
  for (const page of [...held, ...transfers].flat()) holders[page] = (holders[page] ?? 0) + 1;
  const isFree = new Uint8Array(references.length);
  let twice = false;
  for (let i = 0; i < free.length; i++) {
    const page = free[i] as number;
    twice ||= isFree[page] === 1;
    isFree[page] = 1;
    if (i % PAUSE_EVERY === 0) yield null;
  }
  if (twice) yield { kind: 'pages', message: 'a page is twice in the free list' };
  let counted = 0;
  for (let page = 0; page < references.length; page++) {
    const [count = 0, owners = 0] = [references[page], holders[page]];
    if (count !== owners) yield* of('pages', [`page ${page}: ${count} references, ${owners} holders`]);
    const unused = count === 0 && cached[page] !== 1;
    if ((isFree[page] === 1) !== unused) yield* of('pages', [`page ${page} is in the wrong list`]);
    if (count === 0 && cached[page] === 1) counted++;
    if (page % PAUSE_EVERY === 0) yield null;
  }
  if (idle !== counted) yield { kind: 'pages', message: `${idle} pages counted idle, ${counted} are` };
}

function sequenceFaults(sequence: SequenceSnapshot): string[] {
  const faults: string[] = [];
  if (sequence.computed >= sequence.tokens) faults.push(`${name(sequence)} has nothing left to compute`);
  if (sequence.pages.length !== pagesFor(sequence.computed)) {
    faults.push(`${name(sequence)}: ${sequence.pages.length} pages for ${sequence.computed} computed tokens`);
  }
  if (new Set(sequence.pages).size !== sequence.pages.length) faults.push(`${name(sequence)} has a page twice`);
  return faults;
}

/** What is being written by a load is nobody else's; what is being read is sealed. */
function transferFaults({ pages, running, loading, transfers }: EngineView): string[] {
  const used = new Set([...running, ...loading].flatMap((s) => [...s.pages, ...s.reserved]));
  return transfers
    .flat()
    .filter((page) => pages.cached[page] !== 1 && (used.has(page) || (pages.references[page] ?? 0) > 1))
    .map((page) => `page ${page} is being transferred but neither sealed nor set aside`);
}

function placeFaults({ running, loading, limits }: EngineView): string[] {
  const places = [...running, ...loading].reduce((sum, sequence) => sum + sequence.places, 0);
  return places <= limits.maxSequences ? [] : [`${places} places in use of ${limits.maxSequences}`];
}

/** Every open state is that of a sequence that has something computed with it, or is about to. */
function attentionFaults({ running, loading, waiting, attention }: EngineView): string[] {
  const held = [...running, ...loading].reduce((sum, sequence) => sum + sequence.attention, 0);
  const faults = held === attention ? [] : [`${attention} attention states open, ${held} held`];
  const idle = waiting.filter((sequence) => sequence.attention > 0);
  return [...faults, ...idle.map((sequence) => `${name(sequence)} waits but holds attention states`)];
}

function* walkCache({ cache, pages }: EngineView): InvariantWalk {
  const { references, cached } = pages;
  const children = new Int32Array(references.length);
  let blocks = 0;
  for (const { page, parentPage } of cache) {
    if (blocks++ % PAUSE_EVERY === 0) yield null;
    if (cached[page] !== 1) yield* of('cache', [`cached block on page ${page}, which is not marked cached`]);
    if (parentPage === null) continue;
    children[parentPage] = (children[parentPage] ?? 0) + 1;
    if ((references[parentPage] ?? 0) < 1 && (references[page] ?? 0) > 0) {
      yield* of('cache', [`page ${page} is in use but its parent block ${parentPage} is idle`]);
    }
  }
  let seen = 0;
  for (const node of cache) {
    if (seen++ % PAUSE_EVERY === 0) yield null;
    if (node.children !== children[node.page]) yield* of('cache', [`page ${node.page} miscounts its child blocks`]);
  }
  let marked = 0;
  for (let page = 0; page < cached.length; page++) marked += cached[page] ?? 0;
  if (marked !== blocks) yield* of('cache', [`${marked} pages marked cached, ${blocks} cached blocks`]);
}

function name({ requestId, choice }: SequenceSnapshot): string {
  return `sequence ${requestId}/${choice}`;
}
