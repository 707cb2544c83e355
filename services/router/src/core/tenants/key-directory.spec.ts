import { describe, expect, it } from '@jest/globals';
import { keyDigest, keyDirectory, openDirectory } from './key-directory.js';
import { unlimited } from './tenant.js';

const [a, b] = [unlimited('a'), unlimited('b')];
const owners = [
  { digest: keyDigest('old'), tenant: a },
  { digest: keyDigest('new'), tenant: a },
  { digest: keyDigest('other'), tenant: b },
];

describe('a directory of keys', () => {
  it('maps every key of a tenant to it, and other keys to nobody', () => {
    const directory = keyDirectory(owners, new Uint8Array(32).fill(1));
    expect(['old', 'new', 'other', '', 'Old', 'old '].map((key) => directory.of(key)?.id)).toEqual([
      ...['a', 'a', 'b'],
      ...[undefined, undefined, undefined],
    ]);
  });

  it('takes a digest for no key', () => {
    const directory = keyDirectory(owners, new Uint8Array(32));
    expect(directory.of(Buffer.from(keyDigest('old')).toString('hex'))).toBeNull();
  });

  it('of a server that asks for no key is everybody’s', () => {
    expect(openDirectory.of('')).toBe(openDirectory.of('anything'));
    expect(openDirectory.of('')?.id).toBe('public');
  });
});
