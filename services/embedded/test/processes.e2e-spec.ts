import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mixedRequests, NEEDLE_3M, needleDocument, passKeyQuestion, runAlone } from '@longhaul/testing';
import type OpenAI from 'openai';
import { startedService, type ChildService } from './support/child-service.js';
import { PackageFolder } from './support/packages.js';
import { clientOf, serve, type Served } from './support/serve.js';

const KV_TOKENS = 4096;

let packages: PackageFolder;
let embedded: Served;
let worker: ChildService;
let router: ChildService;
let apart: { url: string; client: OpenAI };

beforeAll(async () => {
  packages = await PackageFolder.create();
  const needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
  embedded = await serve(needle, { kvTokens: KV_TOKENS });
  const ports = ['--port', '0', '--grpc-port', '0'];
  worker = await startedService('decode-worker', [...ports, '--model', needle, '--kv-cache-tokens', `${KV_TOKENS}`]);
  const address = /at (\S+) \(gRPC\)/.exec(worker.readyLine)?.[1] ?? '';
  router = await startedService('router', [...ports, '--worker', address]);
  const url = /http:\S+/.exec(router.readyLine)?.[0] ?? '';
  apart = { url, client: clientOf(url) };
});

afterAll(async () => {
  await router?.stop();
  await worker?.stop();
  await embedded?.close();
  await packages.remove();
});

const document = needleDocument(300, 1, 3);
const question = `${document.text}\n${passKeyQuestion(document.passKeys[0]?.name ?? '')}`;
const messages = [{ role: 'user' as const, content: question }];

/** Ids and times differ from answer to answer. */
function lasting<T extends { id: string; created: number; usage?: unknown }>({ id: _, created: __, ...rest }: T) {
  return rest;
}

async function chat(client: OpenAI, settings: object, stream: boolean) {
  const body = { model: embedded.model, messages, logprobs: true, top_logprobs: 2, max_tokens: 24, ...settings };
  if (!stream) return [lasting(await client.chat.completions.create(body))];
  const chunks = [];
  const events = await client.chat.completions.create({
    ...body,
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const chunk of events) chunks.push(lasting(chunk));
  return chunks;
}

describe('router and decode worker as two processes', () => {
  const greedy = { temperature: 0 };
  const seeded = { temperature: 1, top_p: 0.9, seed: 77, n: 2 };
  it.each([
    ['greedy, whole', greedy, false],
    ['greedy, streamed', greedy, true],
    ['seeded, whole', seeded, false],
    ['seeded, streamed', seeded, true],
  ])('answer a chat as one process does, scores and usage included: %s', async (_, settings, stream) => {
    const here = await chat(embedded.client, settings, stream);
    const there = await chat(apart.client, settings, stream);
    if (stream) expect(joined(there)).toEqual(joined(here));
    else expect(there).toEqual(here);
    if (settings === greedy) expect(joined(there).texts[0]).toContain(document.passKeys[0]?.key);
  });

  it('answer completions with every sampling setting as one process does', async () => {
    const requests = mixedRequests(16, 9);
    const here = await runAlone(embedded.url, requests);
    const there = await runAlone(apart.url, requests);
    expect(there.map(({ expected }) => expected)).toEqual(here.map(({ expected }) => expected));
  });

  it('refuse what one process refuses, with the same words', async () => {
    const bad = [{ temperature: 9 }, { max_tokens: 10_000_000 }, { max_tokens: 5000 }, { model: 'other' }];
    for (const fields of bad) {
      const failures = [];
      for (const { client } of [embedded, apart]) {
        failures.push(await chat(client, fields, false).then(String, (error: Error) => error.message));
      }
      expect(failures[1]).toBe(failures[0]);
      expect(failures[0]).toMatch(/^4\d\d /);
    }
  });

  it('end with code 0 when they are told to stop', async () => {
    expect(await router.stop()).toBe(0);
    expect(await worker.stop()).toBe(0);
  });
});

interface Part {
  choices: {
    index: number;
    delta?: { content?: string | null };
    message?: { content: string | null };
    logprobs?: unknown;
    finish_reason: string | null;
  }[];
  usage?: unknown;
}

/** How a text is cut into chunks depends on when tokens arrive; what the chunks say together does not. */
function joined(parts: readonly object[]) {
  const texts: string[] = [];
  const scores: unknown[][] = [];
  const ends: unknown[] = [];
  let usage: unknown;
  for (const part of parts as readonly Part[]) {
    usage = part.usage ?? usage;
    for (const { index, delta, message, logprobs, finish_reason } of part.choices) {
      texts[index] = (texts[index] ?? '') + ((delta ?? message)?.content ?? '');
      (scores[index] ??= []).push(...((logprobs as { content?: unknown[] } | null)?.content ?? []));
      ends[index] = finish_reason ?? ends[index];
    }
  }
  return { texts, scores, ends, usage };
}
