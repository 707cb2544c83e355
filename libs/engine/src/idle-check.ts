import { walkIdleInvariants, type InvariantWalk } from './invariants.js';
import type { EngineView } from './snapshot.js';
import type { Violation } from './violation.js';
import type { Clock } from './ports.js';

/** Violations kept of one check; what follows is of the same making. */
const MOST_VIOLATIONS = 1000;

export interface IdleCheckParts {
  /** The engine as it is; read in pieces, never copied as a whole. */
  view(): EngineView & { readonly activeTransfers: number };
  /** Differs when something has changed since. */
  changes(): number;
  clock: Pick<Clock, 'monotonicMs'>;
  /** Quiet time before a check, and the longest time that it takes at once. */
  limits: { idleCheckAfterMs: number | null; idleCheckSliceMs: number };
  /** @param fresh violations that the check before did not find. */
  checked(result: { fresh: readonly Violation[]; violations: number }): void;
}

interface Run {
  readonly walk: InvariantWalk;
  readonly changes: number;
  readonly found: Violation[];
}

/**
 * Looks for leaks while the engine has nothing to do, so that they are found by the server and not by its users. A check
 * takes short slices, between which requests come first; whatever changes in the middle of it makes it begin anew, after
 * another quiet time. Where nothing has changed since the last check there is none.
 */
export class IdleCheck {
  readonly #parts: IdleCheckParts;
  #timer: NodeJS.Timeout | null = null;
  #lastChecked = -1;
  #known = new Set<string>();

  constructor(parts: IdleCheckParts) {
    this.#parts = parts;
  }

  /** The engine has become idle. */
  start(): void {
    this.stop();
    const { idleCheckAfterMs } = this.#parts.limits;
    if (idleCheckAfterMs !== null) this.#later(idleCheckAfterMs, () => this.#begin());
  }

  /** The engine has something to do. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #begin(): void {
    const changes = this.#parts.changes();
    if (changes === this.#lastChecked) return;
    this.#slice({ walk: walkIdleInvariants(this.#parts.view()), changes, found: [] });
  }

  #slice(run: Run): void {
    if (this.#parts.changes() !== run.changes) {
      this.start();
      return;
    }
    try {
      if (!this.#walk(run)) {
        this.#later(0, () => this.#slice(run));
        return;
      }
    } catch (cause) {
      run.found.push({ kind: 'check', message: `the check failed: ${String(cause)}` });
    }
    this.#conclude(run);
  }

  /** @returns whether it has come to the end. */
  #walk({ walk, found }: Run): boolean {
    const { clock, limits } = this.#parts;
    const endMs = clock.monotonicMs() + limits.idleCheckSliceMs;
    for (let next = walk.next(); next.done !== true; next = walk.next()) {
      if (next.value !== null) found.push(next.value);
      if (found.length >= MOST_VIOLATIONS) return true;
      if (clock.monotonicMs() >= endMs) return false;
    }
    return true;
  }

  #conclude({ changes, found }: Run): void {
    this.#lastChecked = changes;
    const fresh = found.filter(({ message }) => !this.#known.has(message));
    this.#known = new Set(found.map(({ message }) => message));
    this.#parts.checked({ fresh, violations: found.length });
  }

  /** Never keeps the process alive. */
  #later(ms: number, action: () => void): void {
    this.#timer = setTimeout(action, ms);
    this.#timer.unref();
  }
}
