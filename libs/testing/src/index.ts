export { fixturePath, NEEDLE_3M } from './fixtures.js';
export { needleDocument, passKeyQuestion, seededRandom } from './needle-corpus.js';
export type { NeedleDocument, PassKey } from './needle-corpus.js';
export { indexOfLargest, PackageRunner } from './package-runner.js';
export type { RunnablePackage, RunnerChunk, RunnerOptions, RunnerSequence } from './package-runner.js';
export { SCRIPTED_MODEL, scriptedText, scriptedToken, ScriptedBackend } from './scripted-backend.js';
export type { Script } from './scripted-backend.js';
