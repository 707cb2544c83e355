import { isIPv6 } from 'node:net';

const GROUPS = 8;
/** One customer usually has a whole network of IPv6 addresses. */
const NETWORK_GROUPS = 4;

/** Who counts as one client: an IPv4 address, or the /64 network of an IPv6 address. */
export function clientOf(remoteAddress: string | undefined): string {
  const address = (remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  return isIPv6(address) ? networkOf(address) : address;
}

function networkOf(address: string): string {
  const [head = '', tail = ''] = address.toLowerCase().split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail)];
  const zeros = address.includes('::') ? Math.max(0, GROUPS - before.length - after.length) : 0;
  const all = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return `${all.slice(0, NETWORK_GROUPS).join(':')}::/64`;
}
