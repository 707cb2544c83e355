/** Lets a loop wait for news. News that come before it waits are not lost. */
export class WakeUp {
  #notified = false;
  #resolve: (() => void) | null = null;

  get notified(): boolean {
    return this.#notified;
  }

  notify(): void {
    this.#notified = true;
    this.#resolve?.();
  }

  /** What came so far has been seen. */
  reset(): void {
    this.#notified = false;
  }

  /** Resolves with the next news since `reset`, or after the time. */
  async wait(timeoutMs: number): Promise<void> {
    if (this.#notified) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#resolve = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
    this.#resolve = null;
  }
}
