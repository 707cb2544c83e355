import { describe, expect, it } from '@jest/globals';
import { blockKey, LINK_TOKENS, QualityClass } from '@longhaul/kv-core';
import { PAGE_TOKENS } from '../limits.js';
import { IntList } from '../sequence/int-list.js';
import { KeyChain } from './key-chain.js';

const root = { key: new Uint8Array(32).fill(1), quality: QualityClass.exact, fork: null };
const tokens = Int32Array.from({ length: 256 }, (_, i) => i * 7919);

describe('the key chain of a sequence', () => {
  it('has a key for each page, since a page is a link of the chain', () => {
    expect(PAGE_TOKENS).toBe(LINK_TOKENS);
    const chain = new KeyChain(root, new IntList(tokens));
    for (let page = 0; page < 16; page++) {
      expect(chain.key(page)).toEqual(blockKey(root.key, tokens.subarray(0, (page + 1) * PAGE_TOKENS)));
    }
  });

  it('gives the names of store blocks of every size', () => {
    const chain = new KeyChain(root, new IntList(tokens));
    for (const blockTokens of [16, 32, 64, 128]) {
      const pages = blockTokens / PAGE_TOKENS;
      let parent: Uint8Array = root.key;
      for (let begin = 0; begin < tokens.length; begin += blockTokens) {
        const first = begin / PAGE_TOKENS;
        expect(chain.before(first)).toEqual(parent);
        parent = blockKey(parent, tokens.subarray(begin, begin + blockTokens));
        expect(chain.key(first + pages - 1)).toEqual(parent);
      }
    }
  });

  it('is taken over by a sequence that is forked, without a hash', () => {
    const chain = new KeyChain(root, new IntList(tokens));
    const keys = [0, 7, 15].map((page) => chain.key(page));
    const fork = chain.copyFor(new IntList(tokens.subarray(0, 200)));
    expect([fork.key(0), fork.key(7)].map((key, i) => key === keys[i])).toEqual([true, true]);
    expect(fork.root).toBe(chain.root);
  });

  it('forks at a page: what comes before is the plain chain, what follows is of another class and has other keys', () => {
    const fork = { page: 5, extra: Uint8Array.of(1), quality: QualityClass.derived };
    const plain = new KeyChain(root, new IntList(tokens));
    const chain = new KeyChain({ ...root, fork }, new IntList(tokens));
    const other = new KeyChain({ ...root, fork: { ...fork, extra: Uint8Array.of(2) } }, new IntList(tokens));
    for (let page = 0; page < 5; page++) expect(chain.key(page)).toEqual(plain.key(page));
    for (let page = 5; page < 16; page++) {
      const keys = [plain, chain, other].map((each) => Buffer.from(each.key(page)).toString('hex'));
      expect(new Set(keys).size).toBe(3);
    }
    expect(chain.before(5)).toEqual(plain.key(4));
    const { exact, derived } = QualityClass;
    expect([0, 4, 5, 15].map((page) => chain.quality(page))).toEqual([exact, exact, derived, derived]);
  });

  it('keeps what it has: a sequence that grows costs one hash for each new page', () => {
    const list = new IntList(tokens);
    const chain = new KeyChain(root, list);
    const last = chain.key(15);
    for (let i = 0; i < PAGE_TOKENS; i++) list.push(i);
    const next = chain.key(16);
    expect(chain.key(15)).toBe(last);
    expect(chain.before(16)).toBe(last);
    expect(chain.key(16)).toBe(next);
  });
});
