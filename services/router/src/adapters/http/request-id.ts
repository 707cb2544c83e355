import { randomUUID } from 'node:crypto';

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
/** How several headers of one name are joined, by Node and in HTTP at large. An id has no spaces, so this is no part of it. */
const JOINT = ', ';

/** The id of a request, and whether the caller sent one that cannot be used. */
export interface ChosenRequestId {
  id: string;
  refused: boolean;
}

/** The caller's `X-Request-Id`, the first where there are several, or a new one. */
export function chooseRequestId(header: string | readonly string[] | undefined): ChosenRequestId {
  const sent = typeof header === 'string' ? header : header?.[0];
  if (sent === undefined) return { id: randomUUID(), refused: false };
  const [first = ''] = sent.split(JOINT, 1);
  return REQUEST_ID.test(first) ? { id: first, refused: false } : { id: randomUUID(), refused: true };
}
