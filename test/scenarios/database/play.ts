import { differences, type EndState } from "./end.ts";
import type { PairWorld } from "./world.ts";

/** One story of the pair: what is prepared, what befalls it, and how it stands at the end. */
export interface Scenario {
  /** As the list of scenarios has it: `1`, `10a`. */
  readonly number: string;
  readonly title: string;
  readonly writesPerSecond: number;
  prepare?(world: PairWorld): Promise<void>;
  /** Ends when the pair is at rest again. */
  act(world: PairWorld): Promise<void>;
  readonly expected: EndState;
}

/** The load runs so long before anything happens. */
const BEFORE_SECONDS = 3;

/** Plays the scenario and says what is not as expected; nothing: it passed. */
export async function play(scenario: Scenario, world: PairWorld): Promise<readonly string[]> {
  await world.ready();
  await scenario.prepare?.(world);
  const load = await world.writes(scenario.writesPerSecond);
  await world.advance(BEFORE_SECONDS);
  let given: string | undefined;
  try {
    await scenario.act(world);
  } catch (error) {
    given = error instanceof Error ? error.message : String(error);
  }
  const accounts = await load.stop();
  const found = differences(scenario.expected, {
    status: await world.status(),
    accounts,
    intervals: await world.writableIntervals(),
    journal: await world.journal(),
    rows: { "db-a": await world.rows("db-a"), "db-b": await world.rows("db-b") },
  });
  const nothing = accounts.acknowledged.length === 0 ? ["no write was acknowledged"] : [];
  return [...(given === undefined ? [] : [given]), ...nothing, ...found];
}
