import { describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { createTestAuthority } from './test-authority.js';

describe('the test authority', () => {
  it('issues certificates that its own key verifies and another one does not', () => {
    const authority = createTestAuthority();
    const { cert, ca } = authority.issue('store');
    const read = new X509Certificate(cert);
    expect(read.verify(new X509Certificate(ca).publicKey)).toBe(true);
    expect(read.verify(new X509Certificate(createTestAuthority().ca).publicKey)).toBe(false);
    expect(new X509Certificate(ca).ca).toBe(true);
    expect(read.ca).toBe(false);
  });

  it('names loopback in every form', () => {
    const read = new X509Certificate(createTestAuthority().issue('store').cert);
    expect(read.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(read.checkHost('localhost')).toBe('localhost');
    expect(read.checkHost('example.org')).toBeUndefined();
    expect(read.subject).toBe('CN=store');
  });
});
