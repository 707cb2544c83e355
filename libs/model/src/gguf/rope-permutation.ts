/**
 * Where row `row` of a head lies in a file that stores heads for interleaved rotation.
 *
 * Hugging Face rotates dimension `i` with dimension `i + d/2`, so a head's rows are two halves. ggml's Llama rotates
 * neighbours, so its files hold row `i` of the first half at `2i` and row `i` of the second half at `2i + 1`.
 *
 * @param row in `[0, headRows)`.
 * @param headRows rows of one head, even.
 */
export function storedRow(row: number, headRows: number): number {
  const half = headRows / 2;
  return row < half ? 2 * row : 2 * (row - half) + 1;
}
