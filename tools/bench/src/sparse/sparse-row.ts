import { type ProcessorKind } from '../processor.js';
import { PeerFailure } from './peer-failure.js';
import { type Measurements } from './measurements.js';
import { sparseBar } from './row-names.js';
import { type PlannedRow, type Rates } from './rows.js';

/** What `--json` has of a row: tokens per second, or a share of the time that ought to be small. */
export interface SparseRow {
  case: string;
  /** Null where the peer failed, as the peer's and the ratio then. */
  ours: number | null;
  /** Null of shares, too. */
  peer: number | null;
  /** Ours over the peer; the share itself. */
  ratio: number | null;
  bar: number | null;
  /** Null without a bar or a ratio. */
  met: boolean | null;
  /** Share of what is visible that is looked at. */
  density: number;
  /** How the figures were made, or why there are none. */
  how: string;
}

/** @param processor null: no bars. */
export async function measureRow(
  row: PlannedRow,
  measurements: Measurements,
  processor: ProcessorKind | null,
): Promise<SparseRow> {
  const bar = processor === null ? null : sparseBar(row.name, processor);
  try {
    return judged(row, await row.measure(measurements), bar);
  } catch (error) {
    if (!(error instanceof PeerFailure)) throw error;
    const none = { ours: null, peer: null, ratio: null, met: null };
    return { case: row.name, ...none, bar, density: row.density, how: `not measured: ${error.message}` };
  }
}

function judged({ name, density }: PlannedRow, { ours, peer, how }: Rates, bar: number | null): SparseRow {
  const ratio = peer === null ? ours : ours / peer;
  const met = bar === null ? null : peer === null ? ratio <= bar : ratio >= bar;
  return { case: name, ours, peer, ratio, bar, met, density, how };
}
