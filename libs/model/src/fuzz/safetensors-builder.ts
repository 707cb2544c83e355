export interface SafetensorsContent {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Writes small safetensors files for tests and for the fuzzer. */
export function buildSafetensors(tensors: readonly SafetensorsContent[]): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const { name, dtype, shape, data } of tensors) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.length] };
    offset += data.length;
  }
  return joinSafetensors(
    JSON.stringify(header),
    tensors.map((tensor) => tensor.data),
  );
}

/** Puts a header text, right or wrong, in front of data. */
export function joinSafetensors(header: string, data: readonly Uint8Array[]): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length = new Uint8Array(BigUint64Array.of(BigInt(text.length)).buffer);
  return new Uint8Array(Buffer.concat([length, text, ...data]));
}
