import { AppError } from '@longhaul/kernel';

/** What both ends of a bidirectional gRPC call have in common. */
export interface DuplexCall<In, Out> {
  read(): In | null;
  write(message: Out, callback: (error?: Error | null) => void): boolean;
  readonly writableNeedDrain: boolean;
  on(event: 'readable' | 'end' | 'drain' | 'close', listener: () => void): unknown;
}

/** The longest that a peer may take nothing, in milliseconds, and what to do then. */
export interface StallLimit {
  readonly timeoutMs: number;
  stalled(): AppError;
}

interface Waiter {
  resolve(): void;
  reject(error: AppError): void;
}

/**
 * A bidirectional call as two pulls: the call is read only when somebody asks for a message, and `send` waits while the
 * call's buffer is full. One reader and one writer.
 */
export class StreamLink<In, Out> {
  readonly #call: DuplexCall<In, Out>;
  readonly #stall: StallLimit | null;
  #failure: AppError | null = null;
  #ended = false;
  #unconfirmed = 0;
  #readers: Waiter[] = [];
  #drains: Waiter[] = [];
  #flushes: Waiter[] = [];

  constructor(call: DuplexCall<In, Out>, stall: StallLimit | null) {
    this.#call = call;
    this.#stall = stall;
    call.on('readable', () => settle(this.#readers));
    call.on('end', () => {
      this.#ended = true;
      settle(this.#readers);
    });
    call.on('drain', () => settle(this.#drains));
  }

  /** The next message, or null when the peer has sent its last. */
  async receive(): Promise<In | null> {
    for (;;) {
      if (this.#failure) throw this.#failure;
      const message = this.#call.read();
      if (message !== null) return message;
      if (this.#ended) return null;
      await this.#wait(this.#readers);
    }
  }

  /** Queues a message; resolves when the call takes more. */
  async send(message: Out): Promise<void> {
    if (this.#failure) throw this.#failure;
    this.#unconfirmed++;
    const room = this.#call.write(message, () => {
      this.#unconfirmed--;
      if (this.#unconfirmed === 0) settle(this.#flushes);
    });
    if (!room && this.#call.writableNeedDrain) await this.#waitForDrain();
  }

  /** Resolves when no message is held any more. */
  async flush(): Promise<void> {
    while (this.#unconfirmed > 0) await this.#wait(this.#flushes);
  }

  /** Ends all waiting with this error, now and from now on. */
  fail(error: AppError): void {
    if (this.#failure) return;
    this.#failure = error;
    for (const list of [this.#readers, this.#drains, this.#flushes]) {
      for (const waiter of list.splice(0)) waiter.reject(error);
    }
  }

  async #waitForDrain(): Promise<void> {
    const stall = this.#stall;
    const timer = stall ? setTimeout(() => this.fail(stall.stalled()), stall.timeoutMs) : undefined;
    try {
      await this.#wait(this.#drains);
    } finally {
      clearTimeout(timer);
    }
  }

  #wait(list: Waiter[]): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => list.push({ resolve, reject }));
  }
}

function settle(list: Waiter[]): void {
  for (const waiter of list.splice(0)) waiter.resolve();
}
