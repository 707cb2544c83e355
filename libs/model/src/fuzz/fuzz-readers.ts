import { AppError } from '@longhaul/kernel';
import { memorySource } from '../checkpoint/byte-source.js';
import { GgufCheckpoint } from '../gguf/gguf-checkpoint.js';
import { GgufFile } from '../gguf/gguf-file.js';
import { SafetensorsFile } from '../safetensors/safetensors-file.js';
import { jsonSeeds, readJsonFiles, type JsonFile, type JsonFiles } from './json-checkpoint.js';
import { mutateJson } from './mutate-json.js';
import { mutate, seededRandom } from './mutate.js';
import { seedFiles } from './seed-files.js';

export interface FuzzOptions {
  readonly mutations: number;
  readonly seed: number;
  /** Called after every 1,000 mutations. */
  readonly onProgress?: (done: number) => void;
}

export interface FuzzReport {
  readonly mutations: number;
  /** Files that were still sound, read to the end. */
  readonly accepted: number;
  /** Refusals by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** Growth of the process's peak resident memory, in bytes; it sees what a single file took for a moment. */
  readonly peakGrowthBytes: number;
  /** Processor time of the slowest single file: what others do on the machine does not count. */
  readonly slowestCpuMs: number;
}

/** Sound files are read once before memory is measured, so that code and tables do not count. */
const WARM_UP = 200;

/**
 * Reads mutated checkpoints until a reader does anything but succeed or throw an AppError.
 *
 * @throws Error naming the seed and the number of the mutation; the same seed repeats it.
 */
export async function fuzzReaders(options: FuzzOptions): Promise<FuzzReport> {
  const random = seededRandom(options.seed);
  const seeds = allSeeds();
  for (let i = 0; i < WARM_UP; i++) for (const seed of seeds) await seed.read();
  const refused: Record<string, number> = {};
  const before = process.resourceUsage().maxRSS;
  let accepted = 0;
  let slowestCpuMs = 0;
  for (let i = 0; i < options.mutations; i++) {
    const seed = seeds[i % seeds.length] as (typeof seeds)[number];
    const started = process.cpuUsage();
    const reason = await attempt(seed.kind, seed.mutated(random), `seed ${options.seed}, mutation ${i}`);
    slowestCpuMs = Math.max(slowestCpuMs, cpuMs(started));
    if (reason === null) accepted++;
    else refused[reason] = (refused[reason] ?? 0) + 1;
    if ((i + 1) % 1000 === 0) options.onProgress?.(i + 1);
  }
  const peakGrowthBytes = (process.resourceUsage().maxRSS - before) * 1024;
  return { mutations: options.mutations, accepted, refused, peakGrowthBytes, slowestCpuMs };
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

/** A sound checkpoint, and how to read it and its mutations. */
interface Seed {
  readonly kind: string;
  read(): Promise<void>;
  mutated(random: () => number): () => Promise<void>;
}

function allSeeds(): Seed[] {
  return [
    ...seedFiles().map(binarySeed),
    ...jsonSeeds().flatMap((files) => JSON_FILES.map((file) => jsonSeed(files, file))),
  ];
}

function binarySeed({ kind, bytes }: ReturnType<typeof seedFiles>[number]): Seed {
  return {
    kind,
    read: () => readWhole(kind, bytes),
    mutated: (random) => {
      const changed = mutate(bytes, random);
      return () => readWhole(kind, changed);
    },
  };
}

const JSON_FILES: readonly JsonFile[] = ['config', 'generationConfig', 'tokenizer', 'tokenizerConfig'];

/** One file of several is changed: in its values, and now and then in its bytes. */
function jsonSeed(files: JsonFiles, file: JsonFile): Seed {
  return {
    kind: file,
    read: async () => readJsonFiles(files),
    mutated: (random) => {
      const changed = random() < 0.2 ? mutate(files[file], random) : mutatedValues(files[file], random);
      return async () => readJsonFiles({ ...files, [file]: changed });
    },
  };
}

function mutatedValues(bytes: Uint8Array, random: () => number): Uint8Array {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return new TextEncoder().encode(JSON.stringify(mutateJson(value, random)));
}

/** Null when the checkpoint was read, else the reason of its refusal. */
async function attempt(kind: string, read: () => Promise<void>, label: string): Promise<string | null> {
  try {
    await read();
    return null;
  } catch (error) {
    if (AppError.isInstance(error) && error.code !== 'INTERNAL') return error.reason;
    throw new Error(`A reader failed otherwise than by an AppError (${label}, ${kind}).`, { cause: error });
  }
}

async function readWhole(kind: 'gguf' | 'safetensors', bytes: Uint8Array): Promise<void> {
  const source = memorySource(`fuzz.${kind}`, bytes);
  if (kind === 'safetensors') {
    const file = await SafetensorsFile.from(source);
    for (const tensor of file.tensors.values()) await file.readRows(tensor, 0, tensor.shape[0] ?? 1);
    return;
  }
  const checkpoint = await GgufCheckpoint.from(await GgufFile.from(source));
  for (const tensor of checkpoint.tensors.values()) await checkpoint.readRows(tensor.name, 0, tensor.shape[0] ?? 1);
  JSON.stringify([checkpoint.config, checkpoint.generationConfig]);
  const { tokenizerJson, tokenizerConfigJson } = await checkpoint.tokenizerFiles();
  for (const json of [tokenizerJson, tokenizerConfigJson]) JSON.parse(new TextDecoder().decode(json));
}
