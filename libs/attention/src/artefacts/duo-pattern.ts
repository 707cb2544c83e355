import { policyBounds } from '../bounds.js';
import { artefactError } from './artefact-error.js';
import type { ArtefactContent } from './artefact-schema.js';

/** Characters of a pattern's file at most. */
const PATTERN_CHARACTERS = policyBounds.layers * policyBounds.kvHeads * 32;

/**
 * Reads gates as the authors of DuoAttention publish them, `full_attention_heads.tsv`: a line for each layer, a number for
 * each KV head, tabs between. Training leaves some a little outside 0 to 1; they are brought to its ends.
 *
 * @param name of the file, for messages.
 * @throws AppError `ATTENTION_ARTEFACT` naming the line that is wrong, and where lines are of different length.
 */
export function parseDuoPattern(name: string, text: string): Extract<ArtefactContent, { kind: 'gates' }> {
  if (text.length > PATTERN_CHARACTERS) throw artefactError(name, `has more than ${PATTERN_CHARACTERS} characters`);
  const lines = text.split('\n').map((line) => line.trimEnd());
  while (lines.at(-1) === '') lines.pop();
  const gates = lines.map((line, i) => line.split('\t').map((cell) => gateOf(name, cell, i)));
  const heads = gates[0]?.length ?? 0;
  const odd = gates.findIndex((row) => row.length !== heads);
  if (gates.length === 0 || odd >= 0) {
    throw artefactError(name, odd < 0 ? 'is empty' : `has another number of heads in line ${odd + 1} than in line 1`);
  }
  return { kind: 'gates', source: `DuoAttention, ${name}`.slice(0, 1024), gates };
}

function gateOf(name: string, cell: string, index: number): number {
  const gate = cell.trim() === '' ? Number.NaN : Number(cell);
  if (!Number.isFinite(gate))
    throw artefactError(name, `has no number in line ${index + 1}: ${JSON.stringify(cell.slice(0, 32))}`);
  return Math.min(1, Math.max(0, gate));
}
