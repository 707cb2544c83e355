import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { parseTenants, tenantsBounds, type Faults } from './parse-tenants.js';

const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`;
const entry = (more: object = {}) => ({ id: 'team-a', keys: [digest('k')], ...more });
const fileOf = (...tenants: unknown[]) => JSON.stringify({ tenants });

function faultsOf(text: string): Faults {
  const parsed = parseTenants(text);
  if ('tenants' in parsed) throw new Error('the file was taken');
  return parsed;
}

describe('a tenants file', () => {
  it('may say everything that there is to say', () => {
    const limits = { requests_per_minute: 60, tokens_per_minute: 1e6, concurrent_requests: 4, kv_bytes: 2 ** 40 };
    const keys = [digest('old'), digest('new')];
    const whole = entry({
      keys,
      limits,
      models: ['acme/one'],
      policies: ['dense', 'custom'],
      default_policy: 'dense',
      weight: 2.5,
    });
    const parsed = parseTenants(fileOf(whole, entry({ id: 'b' })));
    if (!('tenants' in parsed)) throw new Error(parsed.join());
    expect(parsed.tenants).toEqual([
      {
        ...{ id: 'team-a', models: new Set(['acme/one']), policies: new Set(['dense', 'custom']), weight: 2.5 },
        defaultPolicy: 'dense',
        limits: { requestsPerMinute: 60, tokensPerMinute: 1e6, concurrentRequests: 4, kvBytes: 2 ** 40 },
      },
      { id: 'b', models: null, policies: null, defaultPolicy: null, limits: {}, weight: 1 },
    ]);
    expect(parsed.owners.map(({ tenant }) => tenant.id)).toEqual(['team-a', 'team-a', 'b']);
  });

  const shown = 'id, keys, limits, models, policies, default_policy, weight';
  it.each<[string, string, string]>([
    ['no JSON', '{', 'the file is not JSON'],
    ['a list', '[]', 'the file: must be an object with the key tenants'],
    [
      'an unknown key at the top',
      JSON.stringify({ tenants: [entry()], tenant: 1 }),
      'the file: has no key "tenant"; there are tenants',
    ],
    ['no tenants', fileOf(), 'tenants: must have at least one tenant'],
    ['an unknown key', fileOf(entry({ limit: {} })), `tenants[0]: has no key "limit"; there are ${shown}`],
    [
      'a key that names a prototype',
      fileOf(entry()).replace('"id"', '"__proto__":{},"id"'),
      `tenants[0]: has no key "__proto__"; there are ${shown}`,
    ],
    [
      'an unknown limit',
      fileOf(entry({ limits: { rpm: 1 } })),
      'tenants[0].limits: has no key "rpm"; there are requests_per_minute, tokens_per_minute, concurrent_requests, kv_bytes',
    ],
    ['no id', fileOf({ keys: [digest('k')] }), 'tenants[0].id: must be a text'],
    [
      'an id with a space',
      fileOf(entry({ id: 'a b' })),
      'tenants[0].id: must be letters, digits, dots, dashes and underscores, a letter or digit first',
    ],
    ['an id of 65 characters', fileOf(entry({ id: 'x'.repeat(65) })), 'tenants[0].id: must have at most 64 characters'],
    [
      'the same id twice',
      fileOf(entry(), entry({ keys: [digest('l')] })),
      'tenants[1].id: is the same as tenants[0].id',
    ],
    [
      'one key for two tenants',
      fileOf(entry(), entry({ id: 'b', keys: [digest('l'), digest('k')] })),
      'tenants[1].keys[1]: is the same as tenants[0].keys[0]',
    ],
    ['no keys', fileOf(entry({ keys: [] })), 'tenants[0].keys: must not be empty'],
    [
      'too many keys',
      fileOf(entry({ keys: Array.from({ length: 33 }, (_, i) => digest(`${i}`)) })),
      'tenants[0].keys: must have at most 32 entries',
    ],
    [
      'a key in plain text',
      fileOf(entry({ keys: ['sk-secret'] })),
      'tenants[0].keys[0]: must be sha256: and the 64 lower-case hexadecimal digits of a digest',
    ],
    [
      'a digest that is too short',
      fileOf(entry({ keys: [digest('k').slice(0, -1)] })),
      'tenants[0].keys[0]: must be sha256: and the 64 lower-case hexadecimal digits of a digest',
    ],
    [
      'the digest of nothing',
      fileOf(entry({ keys: [digest('')] })),
      'tenants[0].keys[0]: is the digest of an empty key',
    ],
    ['a limit of 0', fileOf(entry({ limits: { kv_bytes: 0 } })), 'tenants[0].limits.kv_bytes: must be at least 1'],
    [
      'half a request',
      fileOf(entry({ limits: { concurrent_requests: 1.5 } })),
      'tenants[0].limits.concurrent_requests: must be a whole number',
    ],
    ['a weight of 0', fileOf(entry({ weight: 0 })), 'tenants[0].weight: must be more than 0'],
    ['a weight of 1001', fileOf(entry({ weight: 1001 })), 'tenants[0].weight: must be at most 1000'],
    ['no models at all', fileOf(entry({ models: [] })), 'tenants[0].models: must not be empty'],
    ['a model without a name', fileOf(entry({ models: [''] })), 'tenants[0].models[0]: must not be empty'],
    [
      'a policy that there is not',
      fileOf(entry({ policies: ['quest'] })),
      'tenants[0].policies[0]: must be one of dense, balanced, fast, custom',
    ],
    [
      'a default that is no preset',
      fileOf(entry({ default_policy: 'custom' })),
      'tenants[0].default_policy: must be one of dense, balanced, fast',
    ],
    [
      'a key that is given twice',
      fileOf(entry()).replace('"id"', '"id":"x:y","id"'),
      'a key is given twice in one object of the file',
    ],
  ])('with %s is refused by place', (_, text, fault) => {
    expect(faultsOf(text)).toEqual([fault]);
  });

  it('is told all of its faults at once, none of them with a value of a key', () => {
    const faults = faultsOf(fileOf(entry({ keys: ['sk-secret'], weight: -1 }), entry({ id: '' })));
    expect(faults).toHaveLength(3);
    expect(faults.join()).not.toContain('sk-secret');
  });

  it('has a bound on its tenants', () => {
    const many = Array.from({ length: tenantsBounds.tenants + 1 }, (_, i) =>
      entry({ id: `t${i}`, keys: [digest(`${i}`)] }),
    );
    expect(faultsOf(fileOf(...many))).toEqual([`tenants: must have at most ${tenantsBounds.tenants} tenants`]);
  });

  it('may have colons and quotes in its names', () => {
    expect(parseTenants(fileOf(entry({ models: ['a:b', '"c":', '\\"d:'] })))).toHaveProperty('tenants');
  });
});
