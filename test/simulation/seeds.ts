/** A seed that once broke an invariant, and the bug that it showed. They are run for good, in every `npm test`. */
export interface KeptSeed {
  readonly seed: number;
  readonly minutes: number;
  readonly bug: string;
}

export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 1,
    minutes: 20,
    bug: "a function that ended between SendCommand and its journal line left a command that nothing explained",
  },
  {
    seed: 14,
    minutes: 20,
    bug: "the same for a changed capacity and a replaced node: since then, every act is in the journal before it is done",
  },
];

/** `npm test` runs the first of them, `npm run test:all` every one. */
export const SEEDS = { first: 1, some: 100, all: 1_000, minutes: 20 } as const;
