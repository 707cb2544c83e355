import { tierErrors } from '../src/adapters/object/tier-errors.js';
import type { ListedObject, ObjectBucket } from '../src/adapters/object/object-bucket.js';

type Call = 'putNew' | 'replace' | 'read' | 'size' | 'list' | 'ping' | 'remove';

/** A bucket in memory whose calls can be made to fail, for what no real server does on command. */
export class MemoryBucket implements ObjectBucket {
  readonly stored = new Map<string, Uint8Array>();
  readonly calls: string[] = [];
  /** Asked before each call; what it returns is thrown. */
  fault: (call: Call, name: string) => Error | null = () => null;
  /** Asked after a put was done: its answer is lost. */
  lostAnswer: (call: Call, name: string) => Error | null = () => null;

  putNew(name: string, body: Uint8Array): Promise<'stored' | 'exists'> {
    return this.#do('putNew', name, () => {
      if (this.stored.has(name)) return 'exists';
      this.stored.set(name, Uint8Array.from(body));
      const lost = this.lostAnswer('putNew', name);
      if (lost) throw lost;
      return 'stored';
    });
  }

  replace(name: string, body: Uint8Array): Promise<void> {
    return this.#do('replace', name, () => void this.stored.set(name, Uint8Array.from(body)));
  }

  read(name: string, offset: number, into: Uint8Array): Promise<void> {
    return this.#do('read', name, () => {
      const part = this.#get(name).subarray(offset, offset + into.length);
      if (part.length < into.length) throw tierErrors.corrupt('A stored object is shorter than it was.');
      into.set(part);
    });
  }

  size(name: string): Promise<number> {
    return this.#do('size', name, () => this.#get(name).length);
  }

  async *list(): AsyncIterable<readonly ListedObject[]> {
    const names = await this.#do('list', '', () => [...this.stored.keys()].sort());
    for (let i = 0; i < names.length; i += 3)
      yield names.slice(i, i + 3).map((name) => ({ name, bytes: this.stored.get(name)?.length ?? 0 }));
  }

  ping(): Promise<void> {
    return this.#do('ping', '', () => undefined);
  }

  remove(name: string): Promise<void> {
    return this.#do('remove', name, () => void this.stored.delete(name));
  }

  close(): void {
    this.calls.push('close');
  }

  #get(name: string): Uint8Array {
    const body = this.stored.get(name);
    if (!body) throw tierErrors.notFound('The object store has no such object.');
    return body;
  }

  async #do<T>(call: Call, name: string, work: () => T): Promise<T> {
    this.calls.push(`${call} ${name}`.trim());
    await new Promise((resolve) => setImmediate(resolve));
    const fault = this.fault(call, name);
    if (fault) throw fault;
    return work();
  }
}
