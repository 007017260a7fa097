import type { Trace } from "./trace.ts";

const DAY = 1_440;
const STARTS_AT = Date.parse("2026-01-05T00:00:00Z");

/** Days like any other: a wave from night to afternoon, quieter at the weekend. */
const calm = (minute: number): number => wave(minute, 600, 3_000) * (Math.floor(minute / DAY) % 7 >= 5 ? 0.6 : 1);

/** A newsletter every morning at nine: within five minutes three times the visitors, gone after an hour. */
const newsletter = (minute: number): number => wave(minute, 500, 1_500) + burst((minute % DAY) - 9 * 60, 5, 40, 2_000);

/** Crowds that nobody could foresee, on three of four days. */
const crowds = (minute: number): number =>
  wave(minute, 500, 1_200) +
  burst(minute - DAY - 700, 8, 60, 4_000) +
  burst(minute - 2 * DAY - 1_000, 3, 30, 3_500) +
  burst(minute - 3 * DAY - 300, 20, 90, 3_800);

/** What the bench replays when no trace is given. The same in every run. */
export const generatedTraces = (): readonly Trace[] => [
  shaped("calm-week", 7, calm, 11),
  shaped("newsletter-week", 7, newsletter, 12),
  shaped("flash-crowds", 4, crowds, 13),
];

/** Minutes scatter by a twentieth, as those of a busy site do. */
const NOISE = 0.05;

function shaped(name: string, days: number, shape: (minute: number) => number, seed: number): Trace {
  const random = randomOf(seed);
  const requests = Array.from({ length: days * DAY }, (_, minute) =>
    Math.max(0, Math.round(shape(minute) * (1 + NOISE * normal(random)))),
  );
  return { name, startsAt: STARTS_AT, requests };
}

/** Lowest at two in the night, highest at two in the afternoon. */
const wave = (minute: number, low: number, high: number): number =>
  low + (high - low) * (0.5 + 0.5 * Math.cos((2 * Math.PI * ((minute % DAY) - 14 * 60)) / DAY));

/** Rises on a line, and falls to a third in each `decay` minutes. */
function burst(since: number, rise: number, decay: number, height: number): number {
  if (since < 0) return 0;
  return since < rise ? (height * since) / rise : height * Math.exp(-(since - rise) / decay);
}

/** mulberry32: small, and the same on every machine. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Box and Muller. */
const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
