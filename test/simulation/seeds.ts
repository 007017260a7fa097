/**
 * A seed that breaks an invariant when its bug is put back, run for good in every `npm test`. What befalls a seed changes
 * with the mischief: then put each bug back by hand, and find the seeds that show it anew.
 */
export interface KeptSeed {
  readonly seed: number;
  readonly minutes: number;
  readonly bug: string;
}

export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 16,
    minutes: 20,
    bug: "a function that ended between SendCommand and its journal line left a command that nothing explained",
  },
  {
    seed: 14,
    minutes: 20,
    bug: "the same for a changed capacity: since then, every act is in the journal before it is done",
  },
  {
    seed: 17,
    minutes: 20,
    bug: "the same for a node that was replaced",
  },
  {
    seed: 37,
    minutes: 20,
    bug: "an empty server was promoted by approval, and its peer that held everything was not proposed after that",
  },
  {
    seed: 851,
    minutes: 20,
    bug: "an order that Lambda delivered again took a node out of service that had been restored meanwhile",
  },
];

/** `npm test` runs the first of them, `npm run test:all` every one. */
export const SEEDS = { first: 1, some: 100, all: 2_000, minutes: 20 } as const;
