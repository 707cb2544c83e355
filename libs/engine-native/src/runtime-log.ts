import type { NativeAddon } from './native-addon.js';
import type { RuntimeLogListener } from './runtime-log-line.js';

/**
 * The library's log lines for those who want them. It writes from any thread; a bounded ring (256 lines, the oldest go)
 * keeps what nobody has read yet, so that a listener also gets what was written before it came.
 */
export class RuntimeLog {
  readonly #addon: Pick<NativeAddon, 'followLog' | 'drainLog' | 'unfollowLog'>;
  readonly #listeners = new Set<RuntimeLogListener>();
  #isOurs = false;

  constructor(addon: Pick<NativeAddon, 'followLog' | 'drainLog' | 'unfollowLog'>) {
    this.#addon = addon;
  }

  /**
   * Every listener gets every line until the returned function is called. Lines stay with the first environment of the
   * process (main thread or worker) that follows them.
   */
  follow(listener: RuntimeLogListener): () => void {
    const own: RuntimeLogListener = (lines, lost) => listener(lines, lost);
    this.#listeners.add(own);
    if (this.#listeners.size === 1) this.#isOurs = this.#addon.followLog(this.#tell);
    return () => {
      if (!this.#listeners.has(own)) return;
      // What a failure left behind is still for those who listened when it happened.
      if (this.#isOurs) this.#addon.drainLog(this.#tell);
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.#addon.unfollowLog();
    };
  }

  readonly #tell: RuntimeLogListener = (lines, lost) => {
    for (const listener of [...this.#listeners]) listener(lines, lost);
  };
}
