/** A prompt token that had to be computed, and an output token, in units of service. */
const PROMPT_COST = 1;
const OUTPUT_COST = 2;
/** Clients remembered; the one served longest ago is forgotten first. */
const MAX_CLIENTS = 4096;

/**
 * Virtual token counters (Sheng et al., "Fairness in serving large language models", 2024): among waiting clients the
 * one that got least service goes first. A client that was away does not save up: its counter is lifted to the least
 * counter of those who waited meanwhile.
 */
export class FairShare {
  readonly #served = new Map<string, number>();

  served(client: string): number {
    return this.#served.get(client) ?? 0;
  }

  /** A client without waiting requests brings one. */
  arrive(client: string, backlogged: Iterable<string>): void {
    let least = Infinity;
    for (const other of backlogged) least = Math.min(least, this.served(other));
    this.#set(client, Math.max(this.served(client), Number.isFinite(least) ? least : 0));
  }

  chargePrompt(client: string, computedTokens: number): void {
    this.#set(client, this.served(client) + PROMPT_COST * computedTokens);
  }

  chargeOutput(client: string, tokens: number): void {
    this.#set(client, this.served(client) + OUTPUT_COST * tokens);
  }

  #set(client: string, value: number): void {
    this.#served.delete(client);
    this.#served.set(client, value);
    if (this.#served.size <= MAX_CLIENTS) return;
    for (const oldest of this.#served.keys()) {
      this.#served.delete(oldest);
      return;
    }
  }
}
