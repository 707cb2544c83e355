/** Keeps a group member alive while its handler takes its time, and remembers when the group has moved on. */
export class Pulse {
  /** Rejects when the group has moved on. */
  readonly lost: Promise<never>;
  readonly #timer: NodeJS.Timeout;
  #failure: { readonly error: unknown } | undefined;

  constructor(beat: () => Promise<void>, intervalMs: number) {
    let reject: (error: unknown) => void = () => undefined;
    this.lost = new Promise<never>((_, fail) => {
      reject = fail;
    });
    this.lost.catch(() => undefined);
    this.#timer = setInterval(() => {
      beat().catch((error: unknown) => {
        this.#failure ??= { error };
        reject(error);
      });
    }, intervalMs);
  }

  get healthy(): boolean {
    return this.#failure === undefined;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The client rejoins its group when it sees this error. */
  rethrow(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
