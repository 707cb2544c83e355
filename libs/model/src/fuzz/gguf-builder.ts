/** A metadata value with the type it is stored as. */
export type BuiltValue =
  | { u32: number }
  | { u64: bigint }
  | { f32: number }
  | { bool: boolean }
  | { text: string }
  | { texts: readonly string[] }
  | { i32s: readonly number[] }
  | { f32s: readonly number[] };

export interface BuiltTensor {
  readonly name: string;
  /** Row-major, outermost first. */
  readonly shape: readonly number[];
  /** ggml's type id. */
  readonly type: number;
  readonly data: Uint8Array;
}

export interface GgufContent {
  readonly metadata: Readonly<Record<string, BuiltValue>>;
  readonly tensors: readonly BuiltTensor[];
  /** Default 3. */
  readonly version?: number;
}

const ALIGNMENT = 32;
const TYPE = { u32: 4, i32: 5, f32: 6, bool: 7, text: 8, array: 9, u64: 10 } as const;

/** Writes small GGUF files for tests and for the fuzzer; everything is held in memory. */
export function buildGguf(content: GgufContent): Uint8Array {
  const out = new Writer();
  out.u32(0x46554747);
  out.u32(content.version ?? 3);
  out.u64(content.tensors.length);
  const entries = Object.entries(content.metadata);
  out.u64(entries.length);
  for (const [key, value] of entries) {
    out.text(key);
    writeValue(out, value);
  }
  let offset = 0;
  for (const tensor of content.tensors) {
    out.text(tensor.name);
    out.u32(tensor.shape.length);
    for (const dimension of [...tensor.shape].reverse()) out.u64(dimension);
    out.u32(tensor.type);
    out.u64(offset);
    offset += Math.ceil(tensor.data.length / ALIGNMENT) * ALIGNMENT;
  }
  for (const tensor of content.tensors) {
    out.align(ALIGNMENT);
    out.bytes(tensor.data);
  }
  return out.finish();
}

/** An f32 tensor. */
export function f32Tensor(name: string, shape: readonly number[], values: ArrayLike<number>): BuiltTensor {
  return { name, shape, type: 0, data: new Uint8Array(Float32Array.from(values).buffer) };
}

function writeValue(out: Writer, value: BuiltValue): void {
  if ('u32' in value) out.u32(TYPE.u32).u32(value.u32);
  else if ('u64' in value) out.u32(TYPE.u64).u64(value.u64);
  else if ('f32' in value) out.u32(TYPE.f32).f32(value.f32);
  else if ('bool' in value) out.u32(TYPE.bool).bytes(Uint8Array.of(value.bool ? 1 : 0));
  else if ('text' in value) out.u32(TYPE.text).text(value.text);
  else if ('texts' in value) {
    out.u32(TYPE.array).u32(TYPE.text).u64(value.texts.length);
    for (const text of value.texts) out.text(text);
  } else if ('i32s' in value) {
    out.u32(TYPE.array).u32(TYPE.i32).u64(value.i32s.length);
    out.bytes(new Uint8Array(Int32Array.from(value.i32s).buffer));
  } else {
    out.u32(TYPE.array).u32(TYPE.f32).u64(value.f32s.length);
    out.bytes(new Uint8Array(Float32Array.from(value.f32s).buffer));
  }
}

class Writer {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  bytes(part: Uint8Array): this {
    this.#parts.push(part);
    this.#length += part.length;
    return this;
  }

  u32(value: number): this {
    return this.bytes(new Uint8Array(Uint32Array.of(value).buffer));
  }

  u64(value: number | bigint): this {
    return this.bytes(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }

  f32(value: number): this {
    return this.bytes(new Uint8Array(Float32Array.of(value).buffer));
  }

  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.u64(bytes.length).bytes(bytes);
  }

  align(alignment: number): this {
    return this.bytes(new Uint8Array((alignment - (this.#length % alignment)) % alignment));
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}
