/** Text of each generated page, by its name in docs/. */
export function pages(): Record<string, string>;
