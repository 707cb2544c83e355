import { z } from 'zod';

/** A whole number in decimal digits, `min` to `max` inclusive. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER) {
  return z
    .string()
    .regex(/^-?\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
};

/** A share of something, 0 to 1, in decimals. */
export function share() {
  return z
    .string()
    .regex(/^(\d+(\.\d*)?|\.\d+)$/, 'must be a number from 0 to 1')
    .transform(Number)
    .pipe(z.number().max(1, 'must be at most 1'));
}

/** A number in decimals, `min` to `max` inclusive; `min` is 0 or more. */
export function number(min: number, max: number) {
  return z
    .string()
    .regex(/^(\d+(\.\d*)?|\.\d+)$/, `must be a number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));
}

/** A size such as `4096`, `64MiB` or `2GB`, in bytes. */
export function bytes(min = 1) {
  return z
    .string()
    .regex(/^\d+(\.\d+)?\s*([KMG]i?B)?$/i, 'must be a size such as 64MiB or 2GB')
    .transform((text) => {
      const [, number = '0', unit = ''] = /^([\d.]+)\s*(\w*)$/.exec(text) ?? [];
      return Math.floor(Number(number) * (UNITS[unit.toUpperCase()] ?? 1));
    })
    .pipe(z.number().min(min, `must be at least ${min} bytes`).max(Number.MAX_SAFE_INTEGER, 'is too large'));
}

/** One of a fixed set of words. */
export function oneOf<const T extends readonly [string, ...string[]]>(...words: T) {
  return z.enum(words, { error: `must be one of ${words.join(', ')}` });
}

/** Some words of a fixed set, separated by commas, each at most once; at least one. */
export function someOf<const T extends readonly [string, ...string[]]>(...words: T) {
  const message = `must be some of ${words.join(', ')}, separated by commas, each at most once`;
  return z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(z.enum(words, { error: message })))
    .refine((list) => new Set(list).size === list.length, message);
}

/** On or off: `true`, `false`, `1`, `0`. */
export function flag() {
  return z
    .enum(['true', 'false', '1', '0'], { error: 'must be true or false' })
    .transform((text) => text === 'true' || text === '1');
}

/** A text that is not empty. */
export function text() {
  return z.string().min(1, 'must not be empty');
}

/** A TCP port; 0 lets the system choose. */
export function port() {
  return integer(0, 65535);
}

/** `host:port`, with a name, an IPv4 address or an IPv6 address in brackets. */
export function address() {
  return z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:/]+):\d{1,5}$/, 'must be host:port');
}

const ORIGINS_RULE = 'must be * or origins such as https://app.example.com, separated by commas';

/** Web origins, scheme and host and port without a path, separated by commas; or `*` alone for any. */
export function origins() {
  return z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .refine((list) => (list.length === 1 && list[0] === '*') || list.every(isOrigin), ORIGINS_RULE);
}

function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
