import { copyFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { grpcurlRows } from './grpcurl.js';
import { installGrpcurl, installNode, installPython, SOURCES, type Installed } from './install.js';
import { lmEvalRows } from './lm-eval.js';
import { rowsOf, type Row } from './row.js';
import { runCommand } from './run-command.js';
import type { Served } from './served.js';

/** A client: how it is installed, and how its calls are run. */
export interface Client {
  readonly name: string;
  install(home: string): Promise<Installed>;
  run(path: string, served: Served, folder: string): Promise<Row[]>;
}

const PROTO = resolve(SOURCES, '..', '..', 'proto');

function pythonClient(name: string, script: string): Client {
  return {
    name,
    install: installPython,
    async run(python, { env }) {
      const words = [join(SOURCES, 'python', script)];
      return rowsOf(name, await runCommand(python, words, { env: { ...env, CLIENTS_PROTO: PROTO } }));
    },
  };
}

/** The script runs from the folder of its packages: modules are looked for beside the file that imports them. */
function nodeClient(name: string, script: string): Client {
  return {
    name,
    install: installNode,
    async run(folder, { env }) {
      const scripts = readdirSync(join(SOURCES, 'node')).filter((file) => file.endsWith('.mjs'));
      for (const file of scripts) copyFileSync(join(SOURCES, 'node', file), join(folder, file));
      return rowsOf(name, await runCommand(process.execPath, [join(folder, script)], { env, cwd: folder }));
    },
  };
}

export const CLIENTS: readonly Client[] = [
  pythonClient('openai-python', 'openai_calls.py'),
  nodeClient('openai-js', 'openai-calls.mjs'),
  pythonClient('litellm', 'litellm_calls.py'),
  pythonClient('langchain-python', 'langchain_calls.py'),
  nodeClient('langchain-js', 'langchain-calls.mjs'),
  {
    name: 'lm-eval',
    install: installPython,
    run: (python, served, folder) => lmEvalRows('lm-eval', python, served, folder),
  },
  {
    name: 'grpcurl',
    install: installGrpcurl,
    run: (grpcurl, served) => grpcurlRows('grpcurl', grpcurl, served),
  },
  pythonClient('grpc-python', 'grpc_calls.py'),
];
