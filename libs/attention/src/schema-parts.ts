import { z } from 'zod';

// Messages are the end of a sentence that begins with the name of a field.

export const whole = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, error).max(most, error);
};
export const number = (least: number, most: number) => {
  const error = `must be a number from ${least} to ${most}`;
  return z.number({ error }).min(least, error).max(most, error);
};
export const oneOf = <const T extends readonly [string, ...string[]]>(...names: T) =>
  z.enum(names, { error: names.length === 1 ? `must be ${names[0]}` : `must be one of ${names.join(', ')}` });
export const list = <T extends z.ZodType>(item: T, most: number, least = 1) =>
  z
    .array(item, { error: 'must be a list' })
    .min(least, `must have at least ${least} entries`)
    .max(most, `must have at most ${most} entries`);
export const object = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape, { error: 'must be an object' });
