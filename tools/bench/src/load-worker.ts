import { loadEngine } from '@longhaul/engine-native';
import { loadGraph, openPackage } from '@longhaul/model';

/** Child process of bench: how long a package takes from its path to a session that is ready, the addon being there. */
export interface LoadTime {
  /** Opening and checking the package, but for its weights. */
  openMs: number;
  /** Building the graph. */
  graphMs: number;
  /** Creating the session. */
  sessionMs: number;
}

const [packageDir = '', threads = '2'] = process.argv.slice(2);
const engine = await loadEngine();
const started = performance.now();
const opened = await openPackage(packageDir);
const afterOpen = performance.now();
const graph = await loadGraph(opened);
const afterGraph = performance.now();
const model = engine.createModel({ ...graph, threads: Number(threads), spin: false });
await model.ready;
const time: LoadTime = {
  openMs: afterOpen - started,
  graphMs: afterGraph - afterOpen,
  sessionMs: performance.now() - afterGraph,
};
await model.dispose();
process.send?.(time, () => process.exit(0));
