import { type Measured } from './cases.js';
import { type BenchSide } from './side.js';
import { type ColdPrompt, type ColdPromptTimes, type PairedPrompt } from './cold-prompt.js';
import { OursSide } from './ours/ours-side.js';
import { PeerSide } from './peer/peer-side.js';
import { type SideOptions, type WorkerReply, type WorkerRequest } from './worker-messages.js';

/** Child process of one engine: the two never share an allocator, a thread pool or a crash. */
const options = JSON.parse(process.argv[2] ?? '') as SideOptions;

function reply(message: WorkerReply): void {
  process.send?.(message);
}

async function open(): Promise<{ side: BenchSide; kvBytes: number | null }> {
  if (options.side === 'peer') return { side: await PeerSide.open(options), kvBytes: null };
  const side = await OursSide.open(options);
  return { side, kvBytes: side.kvBytes };
}

async function answer(side: BenchSide, request: WorkerRequest): Promise<void> {
  if (request.kind === 'measure') return reply({ kind: 'measured', measured: await side.measure(request.benchCase) });
  if (request.kind === 'read') return reply({ kind: 'read', times: await readBy(side, request.prompt) });
  if (request.kind === 'read-paired')
    return reply({ kind: 'read-paired', variants: await pairedBy(side, request.prompt) });
  await side.dispose();
  process.exit(0);
}

function readBy(side: BenchSide, prompt: ColdPrompt): Promise<ColdPromptTimes> {
  if (side.read === undefined) throw new Error('this side reads no whole prompts');
  return side.read(prompt);
}

function pairedBy(side: BenchSide, prompt: PairedPrompt): Promise<readonly Measured[]> {
  if (side.readPaired === undefined) throw new Error('this side reads prompts under one kind of attention only');
  return side.readPaired(prompt);
}

function fail(error: unknown): void {
  reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}

try {
  const { side, kvBytes } = await open();
  process.on('message', (message) => void answer(side, message as WorkerRequest).catch(fail));
  reply({ kind: 'ready', kvBytes });
} catch (error) {
  fail(error);
}
