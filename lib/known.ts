import { TandemError } from "./errors.ts";

/** A fact that could not be read, and why. */
export interface Unknown {
  readonly unknown: string;
}
/** A fact as the status shows it. */
export type Known<T> = T | Unknown;

export const isUnknown = (value: unknown): value is Unknown =>
  typeof value === "object" && value !== null && "unknown" in value;

/** What could not be read hides nothing else; only a broken invariant throws. */
export async function readable<T>(read: () => Promise<T>): Promise<Known<T>> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof TandemError) return { unknown: error.message };
    throw error;
  }
}
