import { afterEach, describe, expect, it } from '@jest/globals';
import { inferenceV1 } from '@longhaul/contracts';
import type { AttentionUsage } from '@longhaul/inference';
import { OneAtATime } from './support/both-apis.js';

const router = new OneAtATime();
afterEach(() => router.close());

describe('usage of attention', () => {
  const attention: AttentionUsage = {
    ...{ policy: 'balanced', quality: 'sparse', density: { prefill: 0.25, decode: 0.125 }, kvReadBytes: 2 ** 40 },
    ...{ audit: { samples: 8, recall: 0.5, klSamples: 2, kl: 0.25, breaches: 1 }, fallbacks: 2 },
  };
  const { kvReadBytes, ...rest } = attention;
  const audited = { samples: 8, recall: 0.5, kl_samples: 2, kl: 0.25, breaches: 1 };
  const expected = { ...rest, kv_bytes_read: kvReadBytes, audit: audited };

  it('says how attention was computed, whole and in a stream that asks for usage', async () => {
    const { backend } = await router.start();
    backend.script.attention = attention;
    for (const api of ['chat', 'completions'] as const) {
      const whole = (await (await router.apis.send(api, {})).json()) as { usage: { longhaul: unknown } };
      expect(whole.usage.longhaul).toEqual(expected);
      const streamed = await (
        await router.apis.send(api, { stream: true, stream_options: { include_usage: true } })
      ).text();
      const chunks = streamed.split('\n\n').flatMap((event) => (event.startsWith('data: {') ? [event.slice(6)] : []));
      const usages = chunks.map((chunk) => (JSON.parse(chunk) as { usage: { longhaul: unknown } | null }).usage);
      expect(usages.at(-1)?.longhaul).toEqual(expected);
      expect(usages.slice(0, -1).every((usage) => usage === null)).toBe(true);
    }
  });

  it('is the same over gRPC', async () => {
    const { backend } = await router.start();
    backend.script.attention = attention;
    const events = [];
    for await (const { event } of router.apis.stream({})) events.push(event);
    expect(events.at(-1)).toMatchObject({
      $case: 'done',
      value: {
        attention: {
          ...{ policy: 'balanced', quality: inferenceV1.Quality.QUALITY_SPARSE, prefillDensity: 0.25 },
          ...{ decodeDensity: 0.125, kvBytesRead: BigInt(2 ** 40), audit: attention.audit, fallbacks: 2 },
        },
      },
    });
  });

  it('is null, and unset over gRPC, where the engine does not tell', async () => {
    await router.start();
    const whole = (await (await router.apis.send('chat', {})).json()) as { usage: { longhaul: unknown } };
    expect(whole.usage.longhaul).toBeNull();
    let last: inferenceV1.GenerateResponse['event'];
    for await (const { event } of router.apis.stream({})) last = event;
    expect(last?.$case === 'done' ? last.value.attention : null).toBeUndefined();
  });

  it('has no count of bytes where the engine does not count', async () => {
    const { backend } = await router.start();
    backend.script.attention = { ...attention, kvReadBytes: null };
    const whole = (await (await router.apis.send('chat', {})).json()) as { usage: { longhaul: object } };
    expect(whole.usage.longhaul).toEqual({ ...expected, kv_bytes_read: null });
    for await (const { event } of router.apis.stream({})) {
      if (event?.$case === 'done') expect(event.value.attention).toMatchObject({ kvBytesRead: undefined });
    }
  });

  it('has no audit where nothing was compared, and no recall without samples', async () => {
    const { backend } = await router.start();
    for (const audit of [null, { samples: 0, recall: null, kl_samples: 0, kl: null, breaches: 0 }]) {
      const given = audit && { samples: 0, recall: null, klSamples: 0, kl: null, breaches: 0 };
      backend.script.attention = { ...attention, audit: given };
      const whole = (await (await router.apis.send('chat', {})).json()) as { usage: { longhaul: { audit: unknown } } };
      expect(whole.usage.longhaul.audit).toEqual(audit);
    }
  });

  it('is one for several prompts', async () => {
    const { backend } = await router.start();
    backend.script.attention = attention;
    const response = await router.apis.send('completions', { prompt: ['a', 'b', 'c'] });
    const { usage } = (await response.json()) as { usage: { longhaul: unknown } };
    expect(usage.longhaul).toEqual({
      ...expected,
      ...{ kv_bytes_read: 3 * 2 ** 40, fallbacks: 6 },
      audit: { samples: 24, recall: 0.5, kl_samples: 6, kl: 0.25, breaches: 3 },
    });
  });
});
