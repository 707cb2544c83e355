/** An engine that ours is compared with is not there, or did not do what it was asked to. */
export class PeerFailure extends Error {}

/** @throws PeerFailure in place of whatever else is thrown. */
export async function asPeer<Result>(name: string, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    throw new PeerFailure(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
