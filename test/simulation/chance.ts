import { createHash } from "node:crypto";
import { idsFrom, type Ids } from "../../local/cloud/ids.ts";

/** The one source of randomness of a world. A branch is a stream of its own: drawing from one leaves the others as they were. */
export interface Chance {
  branch(name: string): Chance;
  /** From 0 up to 1, 1 excluded. */
  fraction(): number;
  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number;
  happens(probability: number): boolean;
  /** Undefined only when there is nothing to choose from. */
  pick<T>(among: readonly T[]): T | undefined;
  readonly ids: Ids;
}

/** The same seed gives the same chances, on every machine. */
export function openChance(seed: string | number): Chance {
  const next = sfc32(seed);
  const fraction = (): number => next() / 2 ** 32;
  const whole = (low: number, high: number): number => low + Math.floor(fraction() * (high - low + 1));
  return {
    branch: (name) => openChance(`${seed}/${name}`),
    fraction,
    whole,
    happens: (probability) => fraction() < probability,
    pick: (among) => among[whole(0, among.length - 1)],
    ids: idsFrom((count) => Uint8Array.from({ length: count }, () => next() >>> 24)),
  };
}

/** Chris Doty-Humphrey's Small Fast Counter (PractRand), seeded by a hash of the name. */
function sfc32(seed: string | number): () => number {
  const digest = createHash("sha256").update(String(seed)).digest();
  let [a, b, c, counter] = [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), 1];
  return () => {
    const result = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + result) >>> 0;
    return result;
  };
}
