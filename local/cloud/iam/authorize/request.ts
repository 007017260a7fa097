/** Condition keys in lower case, each with its values. A key that is not here is not in the request. */
export type Context = ReadonlyMap<string, readonly string[]>;

/** One question to the policies: may this be done to that. */
export interface AccessRequest {
  /** e.g. `s3:GetObject`. */
  readonly action: string;
  /** Undefined: the call names nothing that could be compared, and a grant on any resource will do. */
  readonly resource: string | undefined;
  readonly context: Context;
}

/** A context from pairs of key and value; IAM compares keys without case. Undefined values are left out. */
export const contextOf = (
  ...parts: readonly Readonly<Record<string, string | readonly string[] | undefined>>[]
): Context =>
  new Map(
    parts.flatMap((part) =>
      Object.entries(part).flatMap(([key, value]): [string, readonly string[]][] =>
        value === undefined ? [] : [[key.toLowerCase(), typeof value === "string" ? [value] : value]],
      ),
    ),
  );
