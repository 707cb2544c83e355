/** Sets the wall clock of this process, as somebody with `date -s` would; monotonic time goes on. Returns the way back. */
export function stepWallClock(byMs: number): () => void {
  const RealDate = globalThis.Date;
  class SteppedDate extends RealDate {
    constructor(...parts: [] | [number | string]) {
      super(...((parts.length === 0 ? [RealDate.now() + byMs] : parts) as [number]));
    }
    static override now(): number {
      return RealDate.now() + byMs;
    }
  }
  globalThis.Date = SteppedDate as DateConstructor;
  return () => {
    globalThis.Date = RealDate;
  };
}
