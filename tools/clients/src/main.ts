import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { longhaulHome } from '@longhaul/embedded';
import { CLIENTS, type Client } from './clients.js';
import { parseOptions, type ClientOptions } from './options.js';
import { rowTable, type Row } from './row.js';
import { serveClients, type Served } from './served.js';

const NAMES = CLIENTS.map(({ name }) => name);
const USAGE = `npm run clients -- [--ci] [--only NAME,NAME] [--json FILE]
  Installs clients that people use into LONGHAUL_HOME/clients, and calls a server of its own with each: ${NAMES.join(', ')}.
  --ci fails where a client cannot be installed. Exit code 1 when a call went wrong.
`;

try {
  const options = parseOptions(process.argv.slice(2), NAMES);
  if (options.help) process.stdout.write(USAGE);
  else process.exitCode = (await callAll(options)) ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exitCode = 1;
}

/** @returns whether all is well. */
async function callAll(options: ClientOptions): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-clients-'));
  const served = await serveClients(folder);
  try {
    const rows: Row[] = [];
    for (const client of CLIENTS.filter(({ name }) => options.only.length === 0 || options.only.includes(name))) {
      process.stderr.write(`${client.name} ...\n`);
      rows.push(...(await callOne(client, { served, folder, ci: options.ci })));
    }
    if (options.json !== null) await writeFile(options.json, `${JSON.stringify({ rows }, null, 2)}\n`);
    process.stdout.write(rowTable(rows));
    return rows.every(({ result }) => result !== 'failed') && served.server.death() === null;
  } finally {
    await served.server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function callOne(client: Client, context: { served: Served; folder: string; ci: boolean }): Promise<Row[]> {
  const installed = await client.install(join(longhaulHome(), 'clients'));
  if ('path' in installed) return client.run(installed.path, context.served, context.folder);
  const row = { client: client.name, call: 'all of it', note: `cannot be installed here: ${installed.missing}` };
  return [{ ...row, result: context.ci ? 'failed' : 'left out' }];
}
