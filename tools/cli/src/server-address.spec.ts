import { describe, expect, it } from '@jest/globals';
import { serverRoot } from './server-address.js';

describe('the address of a server', () => {
  it.each([
    'http://127.0.0.1:8000',
    'http://127.0.0.1:8000/',
    'http://127.0.0.1:8000/v1',
    'http://127.0.0.1:8000/v1/',
    'http://127.0.0.1:8000/v1//',
    'http://127.0.0.1:8000/v1/models',
    'http://127.0.0.1:8000/v1/chat/completions',
    '127.0.0.1:8000',
    '127.0.0.1:8000/v1',
  ])('is the same however it was copied: %s', (text) => {
    expect(serverRoot(text)).toBe('http://127.0.0.1:8000');
  });

  it('keeps the path that a proxy has put before', () => {
    expect(serverRoot('https://example.com/llm/v1/')).toBe('https://example.com/llm');
    expect(serverRoot('https://example.com/v10')).toBe('https://example.com/v10');
  });

  it.each(['', 'http://', 'ftp://127.0.0.1', 'file:///etc/passwd', 'http://a b', 'http://h?x=1', 'http://h#x'])(
    'refuses what is none, by the name of the flag: %j',
    (text) => expect(() => serverRoot(text)).toThrow(/^--url: /),
  );
});
