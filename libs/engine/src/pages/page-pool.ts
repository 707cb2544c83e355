import { AppError } from '@longhaul/kernel';

/** Counts of pages by state; they sum up to `total`. */
export interface PageCounts {
  total: number;
  /** Hold nothing. */
  free: number;
  /** Hold a cached block that no sequence uses; taken when there is no free page. */
  idle: number;
  /** Belong to at least one sequence. */
  active: number;
}

/** The prefix cache's part in the life of a page. */
export interface PageCacheHooks {
  /** The last user of a cached page let go of it. */
  onIdle(page: number): void;
  /** Gives up one idle page through `uncache`. Called only while there are idle pages. */
  evictOne(): void;
}

/**
 * Reference counts of all KV pages. A page is free, active (references > 0) or idle (cached, no references).
 *
 * @remarks Every operation is O(1). A wrong release is a defect and throws INTERNAL; nothing is freed twice.
 */
export class PagePool {
  readonly #references: Int32Array;
  readonly #cached: Uint8Array;
  readonly #free: number[] = [];
  readonly #onFree: (page: number) => void;
  /** Freed while a step was in flight. */
  readonly #late: number[] = [];
  #stepping = false;
  #changes = 0;
  #idle = 0;
  #hooks: PageCacheHooks | null = null;

  /** @param onFree told of every page that stops holding anything. */
  constructor(total: number, onFree: (page: number) => void = () => undefined) {
    this.#references = new Int32Array(total);
    this.#cached = new Uint8Array(total);
    this.#onFree = onFree;
    for (let page = total - 1; page >= 0; page--) this.#free.push(page);
  }

  connect(hooks: PageCacheHooks): void {
    this.#hooks = hooks;
  }

  /** Pages that `take` can hand out now. */
  get available(): number {
    return this.#free.length + this.#idle;
  }

  counts(): PageCounts {
    const total = this.#references.length;
    const free = this.#free.length + this.#late.length;
    return { total, free, idle: this.#idle, active: total - free - this.#idle };
  }

  references(page: number): number {
    return this.#references[page] ?? 0;
  }

  isFree(page: number): boolean {
    return this.references(page) === 0 && this.#cached[page] !== 1;
  }

  /**
   * A step is in flight: it may write to pages that are released meanwhile, so that they are handed out only after
   * `endStep`. Idle pages are full and never written to.
   */
  beginStep(): void {
    this.#stepping = true;
  }

  endStep(): void {
    this.#stepping = false;
    this.#free.push(...this.#late.splice(0));
  }

  /** A page with one reference, or null when none is available. May evict an idle page. */
  take(): number | null {
    if (this.#free.length === 0 && this.#idle > 0) this.#hooks?.evictOne();
    const page = this.#free.pop();
    if (page === undefined) return null;
    this.#references[page] = 1;
    this.#changes++;
    return page;
  }

  /** One more user of an active or idle page. */
  retain(page: number): void {
    const references = this.references(page);
    if (references === 0) {
      if (this.#cached[page] !== 1) throw defect('PAGE_NOT_HELD', page);
      this.#idle--;
    }
    this.#references[page] = references + 1;
    this.#changes++;
  }

  /** One user less; the last one leaves the page idle if it is cached, free otherwise. */
  release(page: number): void {
    const references = this.references(page);
    if (references <= 0) throw defect('PAGE_RELEASED_TWICE', page);
    this.#references[page] = references - 1;
    this.#changes++;
    if (references > 1) return;
    if (this.#cached[page] === 1) {
      this.#idle++;
      this.#hooks?.onIdle(page);
    } else {
      (this.#stepping ? this.#late : this.#free).push(page);
      this.#onFree(page);
    }
  }

  /** Marks an active page as holding a cached block. */
  cache(page: number): void {
    if (this.references(page) === 0 || this.#cached[page] === 1) throw defect('PAGE_NOT_CACHEABLE', page);
    this.#cached[page] = 1;
    this.#changes++;
  }

  /** The cache forgets the page; it is free at once if nobody uses it. */
  uncache(page: number): void {
    if (this.#cached[page] !== 1) throw defect('PAGE_NOT_CACHED', page);
    this.#cached[page] = 0;
    this.#changes++;
    if (this.references(page) > 0) return;
    this.#idle--;
    this.#free.push(page);
    this.#onFree(page);
  }

  /** Grows with every change of a page's state. */
  get changes(): number {
    return this.#changes;
  }

  /** The state itself, to be read only, and not after the next change. */
  view(): { references: Int32Array; cached: Uint8Array; free: readonly number[] } {
    return { references: this.#references, cached: this.#cached, free: this.#free };
  }

  snapshot(): { references: number[]; cached: number[]; free: number[] } {
    return { references: [...this.#references], cached: [...this.#cached], free: [...this.#free, ...this.#late] };
  }
}

const DEFECTS = ['PAGE_NOT_HELD', 'PAGE_RELEASED_TWICE', 'PAGE_NOT_CACHEABLE', 'PAGE_NOT_CACHED'] as const;

function defect(reason: (typeof DEFECTS)[number], page: number): AppError {
  return new AppError({ code: 'INTERNAL', reason, message: `KV page ${page} is in the wrong state.` });
}

/** Whether an error says that the accounting of pages itself is wrong, so that nothing can be trusted any more. */
export function isPageDefect(error: unknown): boolean {
  return AppError.isInstance(error) && (DEFECTS as readonly string[]).includes(error.reason);
}
