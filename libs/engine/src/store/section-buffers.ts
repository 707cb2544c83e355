/** Memory of sections, used again as soon as a section has been copied: a load of gigabytes makes no garbage. */
export class SectionBuffers {
  readonly #free = new Map<number, Uint8Array[]>();

  /** Contents are whatever was there before. */
  take(bytes: number): Uint8Array {
    return this.#free.get(bytes)?.pop() ?? new Uint8Array(bytes);
  }

  /** Nobody reads or writes it any more. As many wait here as were in use at the same time. */
  give(buffer: Uint8Array): void {
    const same = this.#free.get(buffer.length);
    if (same === undefined) this.#free.set(buffer.length, [buffer]);
    else same.push(buffer);
  }
}
