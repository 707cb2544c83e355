import { AppError } from '@longhaul/kernel';

export interface ArrivalLimits {
  /** Most requests whose bodies are on their way, of all clients. */
  maxRequests: number;
  /** The same for one client. */
  maxRequestsPerClient: number;
  /** Most bytes that have come of those bodies, of all clients. */
  maxBytes: number;
}

/** The place of a body that is on its way. */
export interface ArrivalPlace {
  /** More of it has come. Others, or this one, may lose their places by it. */
  grow(bytes: number): void;
  /** The body has come, or never will. More than one call does nothing. */
  leave(): void;
}

interface Place extends ArrivalPlace {
  readonly client: string;
  readonly displace: (error: AppError) => void;
  bytes: number;
}

interface Client {
  /** The one that has gone longest without a byte comes first. */
  readonly places: Set<Place>;
  bytes: number;
}

/** What there is no more of. */
type Shortage = 'places' | 'memory';

const RETRY_AFTER_S = 1;

/**
 * Bounds what is held of requests that have not arrived. Nobody is kept out: where there is no room, the client that
 * holds most gives up the place that has gone longest without a byte. So bodies that somebody never finishes cost
 * nobody else a place, and whoever sends on keeps his own.
 */
export class Arrivals {
  readonly #limits: ArrivalLimits;
  readonly #clients = new Map<string, Client>();
  #requests = 0;
  #bytes = 0;

  constructor(limits: ArrivalLimits) {
    this.#limits = limits;
  }

  /** Takes a place; `displace` is called at most once, when it is taken away again. */
  enter(client: string, displace: (error: AppError) => void): ArrivalPlace {
    const { maxRequests, maxRequestsPerClient } = this.#limits;
    const own = this.#clients.get(client);
    if (own && own.places.size >= maxRequestsPerClient) this.#displaceFirst(own, 'places');
    else if (this.#requests >= maxRequests)
      this.#displaceFirst(
        this.#most(({ places }) => places.size),
        'places',
      );
    return this.#add(client, displace);
  }

  /** What is on its way now; zero when nothing is. */
  snapshot(): { requests: number; bytes: number; clients: number } {
    return { requests: this.#requests, bytes: this.#bytes, clients: this.#clients.size };
  }

  #add(client: string, displace: Place['displace']): Place {
    const place: Place = {
      ...{ client, displace, bytes: 0 },
      grow: (bytes) => this.#grow(place, bytes),
      leave: () => this.#remove(place),
    };
    const known = this.#clients.get(client) ?? { places: new Set(), bytes: 0 };
    this.#clients.set(client, known);
    known.places.add(place);
    this.#requests += 1;
    return place;
  }

  #grow(place: Place, bytes: number): void {
    const client = this.#clients.get(place.client);
    if (!client?.places.delete(place)) return;
    client.places.add(place);
    place.bytes += bytes;
    client.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#limits.maxBytes)
      this.#displaceFirst(
        this.#most((other) => other.bytes),
        'memory',
      );
  }

  /** The client that has most of something; there is one whenever a limit is passed. */
  #most(measure: (client: Client) => number): Client | undefined {
    let most: Client | undefined;
    for (const client of this.#clients.values()) if (!most || measure(client) > measure(most)) most = client;
    return most;
  }

  /** Displaces the one of a client that has gone longest without a byte; for memory, of those that have any. */
  #displaceFirst(client: Client | undefined, short: Shortage): void {
    const victim = [...(client?.places ?? [])].find(({ bytes }) => short === 'places' || bytes > 0);
    if (!victim) return;
    this.#remove(victim);
    victim.displace(displaced(short));
  }

  #remove(place: Place): void {
    const client = this.#clients.get(place.client);
    if (!client?.places.delete(place)) return;
    client.bytes -= place.bytes;
    this.#bytes -= place.bytes;
    this.#requests -= 1;
    if (client.places.size === 0) this.#clients.delete(place.client);
  }
}

function displaced(short: Shortage): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'ARRIVAL_DISPLACED',
    message: `The server ran short of ${short} for requests that are arriving, and this one came slowest; send it again.`,
    retry: 'same',
    details: { retryAfterS: RETRY_AFTER_S },
  });
}
