/**
 * A fact as it was observed. `unknown` is never read as zero, dead or healthy: it forbids every destructive action
 * and says why it could not be read.
 */
export type Fact<T> = { known: T } | { absent: true } | { unknown: string };

export const known = <T>(value: T): Fact<T> => ({ known: value });
export const absent: Fact<never> = { absent: true };
export const unknown = (why: string): Fact<never> => ({ unknown: why });
export const isKnown = <T>(fact: Fact<T>): fact is { known: T } => "known" in fact;
