import { gatewayBinary } from './gateway-binary.js';

export type S3Availability =
  { readonly available: true; readonly binary: string } | { readonly available: false; readonly reason: string };

/**
 * Whether tests can have a real S3 server here; installs it if need be (minutes, the first time). Where it cannot be
 * had the reason is printed for the suite to skip itself:
 *
 *     const s3 = await s3Available();
 *     (s3.available ? describe : describe.skip)('...', () => { ... });
 *
 * @throws Error with the reason instead when `CI=true`: there a suite that did not run is a failure.
 */
export async function s3Available(): Promise<S3Availability> {
  try {
    return { available: true, binary: await gatewayBinary() };
  } catch (error) {
    const reason = `No S3 server for tests: ${error instanceof Error ? error.message : String(error)}.`;
    if (process.env['CI'] === 'true') throw new Error(reason, { cause: error });
    process.stderr.write(`${reason} Suites that need one are skipped.\n`);
    return { available: false, reason };
  }
}
