/** A broken invariant is a bug, not an operating error: it stops the work at once. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${invariant}`);
}

/** Closes a switch over a union: a member added later fails the type check here. */
export function assertNever(value: never): never {
  throw new Error(`invariant broken: unexpected member ${JSON.stringify(value)}`);
}
