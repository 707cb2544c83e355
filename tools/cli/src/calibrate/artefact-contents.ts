import {
  calibratedThresholds,
  earlyMassGates,
  labelChannels,
  periodOf,
  retrievalGates,
  type ArtefactContent,
  type EarlyMassModel,
} from '@longhaul/attention';
import type { AttentionProbeSums } from '@longhaul/engine-native';
import { invalidArgument } from '@longhaul/kernel';
import { ropeTables, type ModelManifest } from '@longhaul/model';
import type { CalibrationOptions } from './calibration-options.js';
import type { CalibrationRecord } from './calibration-record.js';

type Content<K extends ArtefactContent['kind']> = Extract<ArtefactContent, { kind: K }>;

/**
 * The artefacts that the methods make of what was measured.
 *
 * @throws AppError `INVALID_ARGUMENT` naming `--methods` where the model has nothing to measure.
 */
export function artefactContents(
  options: CalibrationOptions,
  manifest: ModelManifest,
  record: CalibrationRecord,
): ArtefactContent[] {
  return options.methods.map((method) => {
    switch (method) {
      case 'heads':
        return options.gates === 'copies'
          ? gatesByCopies(options, manifest, record)
          : gatesByMeans(options, manifest, record);
      case 'labels':
        return labels(options, manifest, record);
      case 'thresholds':
        return thresholds(options, manifest, record);
    }
  });
}

function measured(record: CalibrationRecord, kind: 'copies' | 'text'): AttentionProbeSums {
  const sums = record.sums(kind);
  if (sums === null) throw new Error(`no sample of the kind ${kind} was measured`);
  return sums;
}

function gatesByCopies(
  { samples, tokens }: CalibrationOptions,
  { shape }: ModelManifest,
  record: CalibrationRecord,
): Content<'gates'> {
  const { distanceMass, farTokens } = measured(record, 'copies');
  const heads = shape.layers * shape.heads;
  const distances = distanceMass.length / heads;
  /** Distances of copies of a token come first, then those of the tokens behind them. */
  const meanOver = (from: number, to: number): number[] =>
    Array.from({ length: heads }, (_, head) => {
      const all = distanceMass.subarray(head * distances + from, head * distances + to).reduce((a, b) => a + b, 0);
      return all / (farTokens[Math.floor(head / shape.heads)] as number);
    });
  const mass = { echo: meanOver(0, distances / 2), induction: meanOver(distances / 2, distances) };
  const source = `echo and induction, ${samples} samples of 4 x ${periodOf(tokens)} random tokens`;
  return { kind: 'gates', source, gates: retrievalGates(mass, shape) };
}

function gatesByMeans(
  options: CalibrationOptions,
  manifest: ModelManifest,
  record: CalibrationRecord,
): Content<'gates'> {
  const { querySums, keySums, tokens } = measured(record, 'text');
  const perToken = (sums: Float64Array): Float64Array => {
    const perLayer = sums.length / tokens.length;
    return sums.map((sum, i) => sum / (tokens[Math.floor(i / perLayer)] as number));
  };
  const means = { queries: perToken(querySums), keys: perToken(keySums) };
  const source = `early mass of mean queries and keys, ${textsOf(options)}`;
  return { kind: 'gates', source, gates: earlyMassGates(means, earlyMassModel(manifest, options.tokens)) };
}

function earlyMassModel(
  { shape, decoder, ropeClasses, layerAttention }: ModelManifest,
  tokens: number,
): EarlyMassModel {
  const rotations = layerAttention.map(({ ropeClass }) => {
    const rope = ropeClass === null ? undefined : ropeClasses[ropeClass];
    return rope === undefined ? null : ropeTables(rope, tokens);
  });
  return { ...shape, rotations, attentionScale: decoder.attentionScale, softcap: decoder.attentionSoftcap };
}

function labels(
  options: CalibrationOptions,
  manifest: ModelManifest,
  record: CalibrationRecord,
): Content<'label-channels'> {
  const { shape, ropeClasses, layerAttention } = manifest;
  const rotaryDims = layerAttention.map(({ ropeClass }) =>
    ropeClass === null ? 0 : (ropeClasses[ropeClass]?.dim ?? 0),
  );
  const channels = labelChannels(measured(record, 'text').products, shape, rotaryDims);
  return { kind: 'label-channels', source: `|q k| of each token with itself, ${textsOf(options)}`, channels };
}

function thresholds(
  options: CalibrationOptions,
  { shape }: ModelManifest,
  record: CalibrationRecord,
): Content<'xattention-thresholds'> {
  const sums = measured(record, 'text');
  if (sums.blocks.every((blocks) => blocks === 0))
    throw invalidArgument(
      '--methods',
      '--methods: thresholds are for layers without a sliding window; the model has none.',
    );
  const found = calibratedThresholds(sums, shape, options.recall);
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const kept = `${percent(found.recall)} of the attention in ${percent(found.density)} of the blocks`;
  const source = `${kept}, ${textsOf(options)}`;
  return { kind: 'xattention-thresholds', stride: options.stride, source, thresholds: found.thresholds };
}

function textsOf({ samples, tokens, text }: CalibrationOptions): string {
  return `${samples} samples of ${tokens} tokens of ${text === null ? 'made texts' : text.name.slice(0, 200)}`;
}
