import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { artefactText, parseArtefact, parseDuoPattern, type ArtefactContent } from '@longhaul/attention';
import { mustReadText } from '@longhaul/files';
import type { ModelManifest } from '@longhaul/model';

const PATTERN_BYTES = 32 * 2 ** 20;
const CONFIG_BYTES = 2 ** 20;

/**
 * Gates as the authors of DuoAttention publish them: `full_attention_heads.tsv`, and of the `config.json` beside it, where there is
 * one, the sink and the window that they were trained with.
 *
 * @throws AppError naming the file, where it is none or of a model with other heads.
 */
export function importedGates(path: string, { shape }: Pick<ModelManifest, 'shape'>): ArtefactContent {
  const option = '--import-heads';
  const name = basename(path);
  const pattern = parseDuoPattern(
    name,
    mustReadText({ path, maxBytes: PATTERN_BYTES, option, reason: 'INVALID_ARGUMENT' }),
  );
  const content = { ...pattern, source: `${pattern.source}${trainedWith(join(dirname(path), 'config.json'), option)}` };
  // Of this model, before anything is written; the file is named.
  parseArtefact(name, artefactText(content), shape);
  return content;
}

function trainedWith(path: string, option: string): string {
  if (!existsSync(path)) return '';
  const { sink_size: sink, recent_size: recent } = jsonObject(
    mustReadText({ path, maxBytes: CONFIG_BYTES, option, reason: 'INVALID_ARGUMENT' }),
  );
  if (!Number.isInteger(sink) || !Number.isInteger(recent)) return '';
  return `, trained with a sink of ${String(sink)} and a window of ${String(recent)} tokens`;
}

/** What is no JSON object tells nothing. */
function jsonObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
