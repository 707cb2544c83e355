import type { UntypedHandleCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import { AppError } from '@longhaul/kernel';

/** How a handler lets itself be ended from outside. */
export interface CallControl {
  abort(error: AppError): void;
  /** A stream without an end of its own: it is ended as soon as the server drains. */
  endless: boolean;
}

type Handler = (call: EventfulCall, callback?: (...results: unknown[]) => void) => unknown;
interface EventfulCall {
  once(event: 'finish' | 'close' | 'cancelled', listener: () => void): unknown;
}

const controls = new WeakMap<object, CallControl>();

/** Makes a call one that can be ended by the host. */
export function controlCall(call: object, control: CallControl): void {
  controls.set(call, control);
}

/** What a caller hears whose request outlives the drain timeout. */
export function shuttingDown(): AppError {
  return new AppError({
    code: 'UNAVAILABLE',
    reason: 'SHUTTING_DOWN',
    message: 'The server is shutting down and ended the request before it was done; ask again elsewhere.',
    retry: 'other',
  });
}

/** The calls that a host has in flight. */
export class CallTracker {
  readonly #calls = new Set<object>();
  #idle: (() => void) | null = null;
  #draining = false;

  get size(): number {
    return this.#calls.size;
  }

  /** The same methods, seen: each call counts from its start until it has its status. */
  track(implementation: UntypedServiceImplementation): UntypedServiceImplementation {
    const entries = Object.entries(implementation).map(([name, handler]) => {
      const tracked: Handler = (call, callback) => this.#run(handler as unknown as Handler, call, callback);
      return [name, tracked as unknown as UntypedHandleCall];
    });
    return Object.fromEntries(entries) as UntypedServiceImplementation;
  }

  /** Ends the endless streams, now and from now on. */
  drain(): void {
    this.#draining = true;
    for (const call of this.#calls) this.#endIfEndless(call);
  }

  /** Ends all that is left. */
  abortAll(): void {
    for (const call of this.#calls) controls.get(call)?.abort(shuttingDown());
  }

  /** Resolves when nothing is in flight. */
  whenIdle(): Promise<void> {
    if (this.#calls.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#idle = resolve));
  }

  #run(handler: Handler, call: EventfulCall, callback?: (...results: unknown[]) => void): void {
    this.#calls.add(call);
    const done = () => this.#done(call);
    call.once('cancelled', done);
    if (callback) {
      handler(call, (...results) => {
        callback(...results);
        done();
      });
    } else {
      call.once('finish', done);
      call.once('close', done);
      handler(call);
    }
    if (this.#draining) this.#endIfEndless(call);
  }

  #endIfEndless(call: object): void {
    const control = controls.get(call);
    if (control?.endless) control.abort(shuttingDown());
  }

  #done(call: object): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0) return;
    this.#idle?.();
    this.#idle = null;
  }
}
