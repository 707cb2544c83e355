/** Which test shows what of which policies. */
export interface Proof {
  readonly column: string;
  readonly file: string;
  readonly title: string;
  readonly policies: readonly string[] | 'every';
  readonly listedIn?: string;
}
export interface NumberedProof extends Proof {
  readonly number: number;
}
/** Text of a file of the repository; null: there is none. */
export type ReadSource = (file: string) => string | null;

export const proofs: readonly Proof[];
export function standingProofs(read?: ReadSource): readonly NumberedProof[];
export function holds(proof: Omit<Proof, 'column'>, read?: ReadSource): boolean;
