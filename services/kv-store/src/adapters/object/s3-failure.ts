import { AppError } from '@longhaul/kernel';
import { tierErrors, type Outage } from './tier-errors.js';

const CREDENTIALS =
  /^(AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|XAdminUserNotFound|ExpiredToken|InvalidToken|RequestTimeTooSkewed|CredentialsProviderError)$/;
const MISSING_BUCKET = /^(NoSuchBucket|InvalidBucketName|PermanentRedirect|AuthorizationHeaderMalformed)$/;
const THROTTLED = /^(SlowDown|Throttling|ThrottlingException|TooManyRequests|RequestLimitExceeded)$/;
const TIMEOUT = /^(TimeoutError|RequestTimeout|RequestTimeoutException)$/;
/** Damage on the way there: the server checked and kept nothing. */
const DAMAGED_UPLOAD = /^(BadDigest|InvalidDigest|XAmzContentSHA256Mismatch|XAmzContentChecksumMismatch)$/;

const SENTENCES: Readonly<Record<Outage, string>> = {
  network: 'The object store cannot be reached.',
  timeout: 'The object store did not answer in time.',
  credentials: 'The object store refuses the credentials.',
  bucket: 'The bucket of the object tier does not exist or is in another region.',
  server: 'The object store failed.',
  throttled: 'The object store asks for fewer requests.',
  closed: 'The object tier is closed.',
};

interface SdkFacts {
  readonly name: string;
  /** HTTP status, 0 when no answer came. */
  readonly status: number;
}

/** Turns what the S3 client throws into the tier's errors: not found, corrupt, or one of the outages. */
export function s3Failure(thrown: unknown): AppError {
  if (AppError.isInstance(thrown)) return thrown;
  const facts = factsOf(thrown);
  if (facts.name === 'NoSuchKey' || facts.name === 'NotFound')
    return tierErrors.notFound('The object store has no such object.', thrown);
  if (facts.status === 416) return tierErrors.corrupt('A stored object is shorter than it was.', thrown);
  const outage = outageOf(facts);
  return tierErrors.unavailable(
    outage,
    `${SENTENCES[outage]} (${facts.name}, status ${facts.status || 'none'})`,
    thrown,
  );
}

/** Whether a conditional put failed because the object exists. */
export function isPreconditionFailed(thrown: unknown): boolean {
  return factsOf(thrown).status === 412;
}

function outageOf({ name, status }: SdkFacts): Outage {
  if (CREDENTIALS.test(name) || status === 401 || status === 403) return 'credentials';
  if (MISSING_BUCKET.test(name) || status === 301) return 'bucket';
  if (THROTTLED.test(name) || status === 429) return 'throttled';
  if (TIMEOUT.test(name)) return 'timeout';
  // 409: another conditional put of the same name is under way.
  if (DAMAGED_UPLOAD.test(name) || status >= 500 || status === 409 || status === 408) return 'server';
  return status === 0 ? 'network' : 'bucket';
}

function factsOf(thrown: unknown): SdkFacts {
  if (!(thrown instanceof Error)) return { name: 'unknown', status: 0 };
  const metadata: unknown = '$metadata' in thrown ? thrown.$metadata : undefined;
  const status = typeof metadata === 'object' && metadata && 'httpStatusCode' in metadata ? metadata.httpStatusCode : 0;
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
  const name = thrown.name === 'Error' && code ? code : thrown.name;
  return { name, status: typeof status === 'number' ? status : 0 };
}
