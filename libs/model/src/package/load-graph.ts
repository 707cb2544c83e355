import { join } from 'node:path';
import { encodeModel, type Model } from '@longhaul/onnx';
import { parseJsonObject } from '../checkpoint/json-object.js';
import { buildGraph } from '../graph/build-graph.js';
import { corruptPackage, readPackageFile, type ModelPackage } from './open-package.js';
import { WEIGHTS_INDEX_FILE } from './package-files.js';
import { parseWeightIndex } from './weight-index.js';

/** What an engine loads of a package. */
export interface LoadableGraph {
  /** An ONNX model, 2 to 3 kB per layer; its weights are references into the weights file. */
  graph: Uint8Array;
  /** Folder that these references are relative to. */
  weightsDir: string;
}

/**
 * Builds the graph of an open package in memory: milliseconds, since no weight is read.
 *
 * @throws AppError `PACKAGE_CORRUPT` naming the file, where weights and manifest do not make a graph.
 */
export async function loadGraph(modelPackage: ModelPackage): Promise<LoadableGraph> {
  return { graph: encodeModel(await buildPackageGraph(modelPackage)), weightsDir: modelPackage.dir };
}

/** As {@link loadGraph}, before it is encoded. */
export async function buildPackageGraph(modelPackage: ModelPackage): Promise<Model> {
  const { manifest, dir } = modelPackage;
  const bytes = await readPackageFile(modelPackage, WEIGHTS_INDEX_FILE);
  try {
    const weights = parseWeightIndex(parseJsonObject(WEIGHTS_INDEX_FILE, bytes), manifest.weights.bytes);
    return buildGraph(manifest, weights);
  } catch (cause) {
    throw corruptPackage(join(dir, WEIGHTS_INDEX_FILE), (cause as Error).message, cause);
  }
}
