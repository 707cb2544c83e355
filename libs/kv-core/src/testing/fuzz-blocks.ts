import { AppError } from '@longhaul/kernel';
import { equalBytes } from '../bytes.js';
import { crc32cTable } from '../crc32c-table.js';
import { BlockDtype, SectionKind } from '../format/constants.js';
import { requireImportable } from '../format/raw-geometry.js';
import { compareTokens, findSection, sectionsOfLayers } from '../format/sections.js';
import { sectionBytes, verifyBlock } from '../format/verify-block.js';
import { mutateBlock } from './mutate-block.js';
import { Random } from './random.js';
import { SAMPLE_MAC_KEY, sampleBlock, sampleSpec, type SampleOptions } from './sample-block.js';

export interface FuzzReport {
  /** Blocks that a change has altered. */
  readonly blocks: number;
  /** Changes that left every byte as it was; accepted, as they must be. */
  readonly intact: number;
  /** Unsigned blocks with other contents and checksums that fit: a forger's, which only a signature can tell. */
  readonly forged: number;
  /** Refusals by the check that refused. */
  readonly faults: Readonly<Record<string, number>>;
  /** What must not happen; at most ten. */
  readonly failures: readonly string[];
}

const SMALL = { layerEnd: 1, headDimK: 4, headDimV: 4, blockTokens: 4 } as const;
const F32 = { dtypeK: BlockDtype.f32, dtypeV: BlockDtype.f32 } as const;

const SAMPLES: readonly SampleOptions[] = [
  { geometry: SMALL },
  { geometry: SMALL, signed: true },
  { geometry: { ...SMALL, ...F32, layerEnd: 2 }, tokens: 3 },
  { geometry: { ...SMALL, ...F32, layerEnd: 2 }, tokens: 3, signed: true },
];

/**
 * Changes sound blocks at random and reads them as a store or an engine would. Failures are: anything thrown that is
 * no AppError with a named fault, a signed block accepted with any byte changed, an unsigned one accepted with a byte
 * changed and checksums left alone.
 */
export function fuzzBlocks({ count, seed }: { count: number; seed: number }): FuzzReport {
  const random = new Random(seed);
  const samples = SAMPLES.map((options) => ({ options, bytes: sampleBlock(options) }));
  const faults: Record<string, number> = {};
  const failures: string[] = [];
  let intact = 0;
  let forged = 0;
  let altered = 0;
  for (let i = 0; altered < count && failures.length < 10; i++) {
    const { options, bytes: sound } = random.pick(samples);
    const { bytes, repaired } = mutateBlock(sound, random.pick(samples).bytes, random);
    const outcome = readAll(bytes, options, random.below(2) === 0);
    const same = equalBytes(bytes, sound);
    if (!same) altered++;
    if (outcome.kind === 'crashed' || (outcome.kind === 'refused' && same)) {
      failures.push(`seed ${seed}, block ${i}: ${outcome.what}`);
    } else if (outcome.kind === 'refused') {
      faults[outcome.what] = (faults[outcome.what] ?? 0) + 1;
    } else if (same) {
      intact++;
    } else if (repaired && options.signed !== true) {
      forged++;
    } else {
      failures.push(`seed ${seed}, block ${i}: a damaged block was accepted`);
    }
  }
  return { blocks: altered, intact, forged, faults, failures };
}

type Outcome = { kind: 'accepted' } | { kind: 'refused' | 'crashed'; what: string };

function readAll(bytes: Uint8Array, options: SampleOptions, asked: boolean): Outcome {
  const { namespace, seqKey, parentKey, geometry, tokens } = sampleSpec(options);
  try {
    const expected = asked ? { namespace, seqKey, parentKey } : {};
    const macKey = options.signed === true ? SAMPLE_MAC_KEY : null;
    const head = verifyBlock(bytes, { expected, checksum: crc32cTable, macKey });
    sectionsOfLayers(head, head.header.layerBegin, head.header.layerEnd);
    const stored = findSection(head, SectionKind.tokenIds);
    if (stored === undefined) return { kind: 'crashed', what: 'accepted without tokens' };
    if (compareTokens(sectionBytes(bytes, stored), tokens)) tryImport(head, geometry);
    return { kind: 'accepted' };
  } catch (error) {
    if (AppError.isInstance(error) && typeof error.details['fault'] === 'string') {
      return { kind: 'refused', what: error.details['fault'] };
    }
    return { kind: 'crashed', what: String(error) };
  }
}

/** A block that is sound but not importable is none of this test's refusals. */
function tryImport(...[head, geometry]: Parameters<typeof requireImportable>): void {
  try {
    requireImportable(head, geometry);
  } catch (error) {
    if (!AppError.isInstance(error) || error.reason !== 'KV_UNSUPPORTED') throw error;
  }
}
