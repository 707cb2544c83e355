import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { HealthModel } from '@longhaul/platform-health';
import { EventLog } from '@longhaul/platform-otel';
import { openOperations, type HttpDoor } from '../src/index.js';

const telemetry = { metricsText: () => Promise.resolve('longhaul_up 1\n'), shutdown: () => Promise.resolve() };
const log = new EventLog('test', 'error', { write: () => undefined });

describe('the HTTP side of a service without another', () => {
  const doors: HttpDoor[] = [];
  const open = async (health = new HealthModel(), port = 0) => {
    const door = await openOperations({ host: '127.0.0.1', port }, { health, telemetry, log });
    doors.push(door);
    return door;
  };
  afterEach(async () => {
    for (const door of doors.splice(0)) await door.close();
  });

  it('shows metrics, and health as it is now', async () => {
    const health = new HealthModel();
    const check = health.add({ name: 'store', weight: 'readiness' });
    const { port } = await open(health);
    const url = `http://127.0.0.1:${port}`;
    expect(await (await fetch(`${url}/metrics`)).text()).toBe('longhaul_up 1\n');
    expect((await fetch(`${url}/ready`)).status).toBe(503);
    check.pass();
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    expect((await fetch(`${url}/live`)).status).toBe(200);
  });

  it('names the flag of a port that is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(open(new HealthModel(), port)).rejects.toMatchObject({
      reason: 'ADDRESS_IN_USE',
      message: expect.stringContaining('--port'),
    });
    other.close();
  });

  it('does not answer any more once it is closed', async () => {
    const { port } = await open();
    await doors.pop()?.close();
    await expect(fetch(`http://127.0.0.1:${port}/live`)).rejects.toThrow();
  });
});
