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
export function contextOf(
  ...parts: readonly Readonly<Record<string, string | readonly string[] | undefined>>[]
): Context {
  const context = new Map<string, readonly string[]>();
  for (const part of parts)
    for (const [key, value] of Object.entries(part))
      if (value !== undefined) context.set(key.toLowerCase(), typeof value === "string" ? [value] : value);
  return context;
}
