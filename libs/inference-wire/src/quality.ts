import { inferenceV1 } from '@longhaul/contracts';
import { qualityNames, type QualityName } from '@longhaul/inference';
import { invalidArgument } from '@longhaul/kernel';

const { Quality } = inferenceV1;

const NUMBERS: Readonly<Record<QualityName, inferenceV1.Quality>> = {
  exact: Quality.QUALITY_EXACT,
  near: Quality.QUALITY_NEAR,
  lossy: Quality.QUALITY_LOSSY,
  derived: Quality.QUALITY_DERIVED,
  sparse: Quality.QUALITY_SPARSE,
};

/** A class as a message of either API; null is unset. */
export function toQuality(quality: QualityName | null): inferenceV1.Quality {
  return quality === null ? Quality.QUALITY_UNSPECIFIED : NUMBERS[quality];
}

/** The inverse. @throws AppError `INVALID_ARGUMENT` naming the field and the classes that there are. */
export function fromQuality(field: string, number: inferenceV1.Quality): QualityName | null {
  if (number === Quality.QUALITY_UNSPECIFIED) return null;
  const found = qualityNames.find((name) => NUMBERS[name] === number);
  if (found !== undefined) return found;
  throw invalidArgument(field, `${field} is no class that there is; it must be one of ${qualityNames.join(', ')}.`);
}
