import { afterAll, describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { s3Available, startS3, type S3Server } from '../src/index.js';

const s3 = await s3Available();

(s3.available ? describe : describe.skip)('the S3 server of the tests', () => {
  const servers: S3Server[] = [];
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
  });

  async function start(): Promise<S3Server> {
    const server = await startS3();
    servers.push(server);
    return server;
  }

  /** The status of an anonymous request; the server refuses it, which shows that it speaks S3. */
  const ask = async (server: S3Server) => (await fetch(`${server.endpoint}/${server.bucket}/nothing`)).status;

  it('answers at its endpoint and refuses who has no key', async () => {
    expect(await ask(await start())).toBe(403);
  });

  it('comes back at the same address after a halt and after a kill', async () => {
    const server = await start();
    for (const end of ['halt', 'kill'] as const) {
      await server[end]();
      await expect(ask(server)).rejects.toThrow();
      await server.restart();
      expect(await ask(server)).toBe(403);
    }
  });

  it('leaves nothing behind', async () => {
    const server = await start();
    expect(existsSync(server.dataDir)).toBe(true);
    await server.close();
    expect(existsSync(server.dataDir)).toBe(false);
  });
});
