import { expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { addressesOf, alsoListen } from '../src/also-listen.js';

it('more addresses lead to the same server, and those that cannot be had are left out', async () => {
  const http = createServer((request, response) => response.end(request.socket.localAddress));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as { port: number };
  const stop = await alsoListen(http, ['127.0.0.2', '192.0.2.1'], port);
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('127.0.0.1');
  expect(await (await fetch(`http://127.0.0.2:${port}/`)).text()).toBe('127.0.0.2');
  stop();
  http.closeAllConnections();
  http.close();
  await expect(fetch(`http://127.0.0.2:${port}/`)).rejects.toThrow();
});

it('only localhost stands for several addresses', async () => {
  expect(await addressesOf('127.0.0.1')).toEqual(['127.0.0.1']);
  expect(await addressesOf('::')).toEqual(['::']);
  expect((await addressesOf('localhost')).every((address) => address !== 'localhost')).toBe(true);
});
