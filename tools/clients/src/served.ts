import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { importModel } from '@longhaul/model';
import { NEEDLE_3M, needleDocument, passKeyQuestion, startServerProcess, type ServerProcess } from '@longhaul/testing';

/** The server that the clients talk to, with a question that its model answers truly. */
export interface Served {
  readonly server: ServerProcess;
  readonly modelDir: string;
  /** What the scripts of the clients read. */
  readonly env: Readonly<Record<string, string>>;
}

const KEY = 'k3y-of-the-clients';
/** Short, so that a prompt can be too long. */
const CONTEXT = 2048;

/** @param folder where the model package goes. */
export async function serveClients(folder: string): Promise<Served> {
  const modelDir = join(folder, 'needle-3m');
  await importModel({ source: NEEDLE_3M, out: modelDir, weights: 'int8', name: 'needle-3m' });
  const embedded = dirname(createRequire(import.meta.url).resolve('@longhaul/embedded/package.json'));
  const limits = ['--max-model-len', String(CONTEXT), '--kv-cache-tokens', String(16 * CONTEXT), '--kv-store', 'off'];
  const server = await startServerProcess({
    program: [join(embedded, 'dist', 'main.js')],
    flags: [
      '--model',
      modelDir,
      '--port',
      '0',
      '--grpc-port',
      '0',
      '--api-key',
      KEY,
      '--log-level',
      'error',
      ...limits,
    ],
    onLog: (line) => process.stderr.write(`${line}\n`),
  });
  const { text, passKeys } = needleDocument(60, 1, 5);
  const [{ name, key } = { name: '', key: '' }] = passKeys;
  const env = {
    CLIENTS_URL: server.url,
    CLIENTS_GRPC: `127.0.0.1:${server.grpcPort}`,
    CLIENTS_MODEL: 'needle-3m',
    CLIENTS_KEY: KEY,
    CLIENTS_QUESTION: `${text}\n${passKeyQuestion(name)}`,
    CLIENTS_ANSWER: key,
    // A client that looks for its own service, its prices or a hub elsewhere is told to leave that alone.
    OPENAI_API_KEY: KEY,
    HF_HUB_OFFLINE: '1',
    HF_DATASETS_OFFLINE: '1',
    TRANSFORMERS_VERBOSITY: 'error',
    TOKENIZERS_PARALLELISM: 'false',
    DO_NOT_TRACK: '1',
  };
  return { server, modelDir, env };
}
