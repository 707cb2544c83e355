import { type BenchKv } from '../options.js';
import { type Who } from './engines.js';
import { type Attender, decodeAt, decodeFourAt, type Measurements, prefillAt, type Wanted } from './measurements.js';
import { type SparseOptions } from './options.js';
import { rowNames } from './row-names.js';
import {
  AUDIT_SHARE,
  depthsOf,
  lastDepth,
  lengthName,
  SHORTEST_TOKENS,
  type SparseLength,
  WHOLE_TOKENS,
} from './sparse-cases.js';

/** What was measured of a row. */
export interface Rates {
  /** Tokens per second; of a share the share. */
  ours: number;
  /** Tokens per second; null of a share, whose bar is the most that it may be. */
  peer: number | null;
  /** Of what the figures are made. */
  how: string;
}

/** A row that can be measured. */
export interface PlannedRow {
  name: string;
  density: number;
  /** The engines that it needs. */
  engines: readonly Who[];
  measure(measurements: Measurements): Promise<Rates>;
}

const FA: Who = 'llama.cpp, fa on';
const PLAIN: Who = 'llama.cpp, fa off';

/** All rows that the options ask for, in an order that opens each engine once. */
export function rowsOf({ lengths, kvTypes, peers, only }: SparseOptions): PlannedRow[] {
  const kinds: ((length: SparseLength) => PlannedRow[])[] = kvTypes.map((kv) => (length) => oursRows(kv, length));
  // Peers are compared with int8 KV, the smallest that ours has.
  const compared = kvTypes.includes('int8') ? peers : [];
  if (compared.includes('llama.cpp')) kinds.push(llamaRows);
  if (compared.includes('openvino')) kinds.push(openVinoRows);
  return kinds.flatMap((rows) => lengths.flatMap(rows)).filter(({ name }) => name.includes(only));
}

function oursRows(kv: BenchKv, length: SparseLength): PlannedRow[] {
  const rows = [prefillRow(kv, length), decodeRow(kv, length), ...choosingRows(kv, length)];
  if (length.tokens !== SHORTEST_TOKENS) return rows;
  return [...rows, ...(kv === 'bf16' ? [fourRow(length)] : [integrationRow(length), ...auditRows(kv, length)])];
}

function prefillRow(kv: BenchKv, { tokens, prefillDensity: density }: SparseLength): PlannedRow {
  const measure = async (m: Measurements): Promise<Rates> => {
    const [ours = NaN, peer = NaN] = isWhole(kv, tokens)
      ? await m.whole(kv, tokens, [{ density }, 'dense'])
      : await m.integrated(tokens, [at(kv, density), dense(kv)]);
    return { ours, peer, how: isWhole(kv, tokens) ? 'both whole' : `both integrated from ${depthNames(tokens)}` };
  };
  return { name: rowNames.prefill(kv, tokens), density, engines: [kv], measure };
}

function decodeRow(kv: BenchKv, { tokens, decodeDensity: density }: SparseLength): PlannedRow {
  const pair = [decodeAt(tokens, at(kv, density)), decodeAt(tokens, dense(kv))];
  return { name: rowNames.decode(kv, tokens), density, engines: [kv], measure: (m) => rateOver(m, pair) };
}

function fourRow({ tokens, decodeDensity: density }: SparseLength): PlannedRow {
  const pair = [decodeFourAt(tokens, at('bf16', density)), decodeFourAt(tokens, dense('bf16'))];
  return { name: rowNames.decodeFour(tokens), density, engines: ['bf16'], measure: (m) => rateOver(m, pair) };
}

async function rateOver(measurements: Measurements, pair: readonly Wanted[]): Promise<Rates> {
  const [ours, peer] = await measurements.group(pair);
  return { ours: ours?.tokensPerSecond ?? NaN, peer: peer?.tokensPerSecond ?? NaN, how: 'steps in turns, medians' };
}

function choosingRows(kv: BenchKv, { tokens, prefillDensity, decodeDensity }: SparseLength): PlannedRow[] {
  const row = (phase: 'prefill' | 'decode', density: number, wanted: Wanted): PlannedRow => ({
    ...{ name: rowNames.choosing(phase, kv, tokens), density, engines: [kv] },
    measure: async (m) => {
      const { selectionShare = NaN, readShare = NaN } = await m.one(wanted);
      return { ours: selectionShare, peer: null, how: `${(readShare * 100).toFixed(1)} % of the pages read` };
    },
  });
  return [
    row('prefill', prefillDensity, prefillAt(lastDepth(tokens), at(kv, prefillDensity))),
    row('decode', decodeDensity, decodeAt(tokens, at(kv, decodeDensity))),
  ];
}

/** Whether rates at depth tell what a whole prompt takes. */
function integrationRow({ tokens, prefillDensity: density }: SparseLength): PlannedRow {
  const measure = async (m: Measurements): Promise<Rates> => {
    const [peer = NaN] = await m.whole('int8', tokens, [{ density }]);
    const [ours = NaN] = await m.integrated(tokens, [at('int8', density), audited('int8', density)]);
    return { ours, peer, how: `ours: integrated from ${depthNames(tokens)}; peer: ours whole` };
  };
  return { name: rowNames.integration(tokens), density, engines: ['int8'], measure };
}

/** Time under audit beyond that without, as a share of the former. */
function auditRows(kv: BenchKv, { tokens, prefillDensity, decodeDensity }: SparseLength): PlannedRow[] {
  const shareOf = ([without = NaN, audit = NaN]: readonly number[], how: string): Rates => ({
    ...{ ours: 1 - audit / without, peer: null, how },
  });
  const prefill = async (m: Measurements): Promise<Rates> => {
    const rates = await m.integrated(tokens, [at(kv, prefillDensity), audited(kv, prefillDensity)]);
    return shareOf(rates, `with and without, integrated from ${depthNames(tokens)}`);
  };
  const decode = async (m: Measurements): Promise<Rates> => {
    const pair = await m.group(
      [at(kv, decodeDensity), audited(kv, decodeDensity)].map((each) => decodeAt(tokens, each)),
    );
    const rates = pair.map(({ tokensPerSecond }) => tokensPerSecond);
    return shareOf(rates, 'with and without, steps in turns, medians');
  };
  const common = { engines: [kv] };
  return [
    { ...common, name: rowNames.audit('prefill', kv, tokens), density: prefillDensity, measure: prefill },
    { ...common, name: rowNames.audit('decode', kv, tokens), density: decodeDensity, measure: decode },
  ];
}

function llamaRows({ tokens, prefillDensity, decodeDensity }: SparseLength): PlannedRow[] {
  const prefill = async (m: Measurements): Promise<Rates> => {
    const attenders = [at('int8', prefillDensity), dense(FA)];
    const [integrated = NaN, peer = NaN] = await m.integrated(tokens, attenders);
    if (!isWhole('int8', tokens)) return { ours: integrated, peer, how: `both integrated from ${depthNames(tokens)}` };
    const [ours = NaN] = await m.whole('int8', tokens, [{ density: prefillDensity }]);
    return { ours, peer, how: `ours whole, peer integrated from ${depthNames(tokens)}` };
  };
  const decode = async (m: Measurements): Promise<Rates> => {
    const all = [at('int8', decodeDensity), dense(FA), dense(PLAIN)].map((each) => decodeAt(tokens, each));
    const [ours = NaN, fa = NaN, plain = NaN] = (await m.group(all)).map(({ tokensPerSecond }) => tokensPerSecond);
    return { ours, peer: Math.max(fa, plain), how: `steps in turns; peer: ${fa > plain ? FA : PLAIN}` };
  };
  const engines: readonly Who[] = ['int8', FA, PLAIN];
  return [
    { name: rowNames.prefillLlama(tokens), density: prefillDensity, engines, measure: prefill },
    { name: rowNames.decodeLlama(tokens), density: decodeDensity, engines, measure: decode },
  ];
}

function openVinoRows({ tokens, prefillDensity: density }: SparseLength): PlannedRow[] {
  if (tokens > WHOLE_TOKENS) return [];
  const measure = async (m: Measurements): Promise<Rates> => {
    const [ours = NaN] = await m.whole('int8', tokens, [{ density }]);
    return { ours, peer: await m.openVino(tokens), how: 'both whole; the peer chooses by mass' };
  };
  return [{ name: rowNames.prefillOpenVino(tokens), density, engines: [], measure }];
}

function isWhole(kv: BenchKv, tokens: number): boolean {
  return kv === 'int8' && tokens <= WHOLE_TOKENS;
}

function dense(who: Who): Attender {
  return { who, sparsity: 'dense' };
}

function at(who: BenchKv, density: number): Attender {
  return { who, sparsity: { density } };
}

function audited(who: BenchKv, density: number): Attender {
  return { who, sparsity: { density, auditShare: AUDIT_SHARE } };
}

function depthNames(tokens: number): string {
  return depthsOf(tokens).map(lengthName).join(', ');
}
