import { describe, expect, test } from "@jest/globals";
import type { SemiSync, ServerFact, ServerState, UnreadCause } from "../../../lib/database/server.ts";
import { openSightings } from "../../../lib/database/sightings.ts";
import { A, server } from "./facts.ts";

const unread = (cause: UnreadCause): ServerFact => ({ unknown: `no answer: ${cause}`, cause });
const read: ServerFact = { known: server("db-a") };

describe("how long a server could not be read", () => {
  test("counts from the first look that failed, in looks and in time", () => {
    const sightings = openSightings();
    const seen = [0, 1_000, 1_250].map((at) => sightings.unread("db-a", unread("refused"), at));

    expect(seen).toEqual([
      { forMs: 0, looks: 1 },
      { forMs: 1_000, looks: 2 },
      { forMs: 1_250, looks: 3 },
    ]);
  });

  test("begins anew when it was read in between, and when the cause is another", () => {
    const sightings = openSightings();
    sightings.unread("db-a", unread("silent"), 0);
    sightings.unread("db-a", unread("silent"), 5_000);

    expect(sightings.unread("db-a", unread("refused"), 6_000)).toEqual({ forMs: 0, looks: 1 });
    expect(sightings.unread("db-a", read, 7_000)).toBeUndefined();
    expect(sightings.unread("db-a", unread("refused"), 8_000)).toEqual({ forMs: 0, looks: 1 });
  });

  test("is each server's own, and a run's own", () => {
    const sightings = openSightings();
    sightings.unread("db-a", unread("silent"), 0);

    expect(sightings.unread("db-b", unread("silent"), 9_000)).toEqual({ forMs: 0, looks: 1 });
    expect(openSightings().unread("db-a", unread("silent"), 9_000)).toEqual({ forMs: 0, looks: 1 });
  });
});

const waiting = (last: number, semiSync: Partial<SemiSync> = {}): ServerState =>
  server("db-a", {
    gtid: `${A}:1-${last}`,
    semiSync: { source: true, replica: true, clients: 1, waiting: 3, ...semiSync },
  });
/** `[at, state]` look by look; what is told of the last. */
const told = (...looks: readonly (readonly [number, ServerState | undefined])[]): number | undefined => {
  const sightings = openSightings();
  return looks.map(([at, state]) => sightings.stalledMs(state, at)).at(-1);
};

describe("how long commits have been waiting", () => {
  test("counts while sessions wait and nothing is committed", () => {
    expect(told([0, waiting(100)], [1_000, waiting(100)], [1_250, waiting(100)], [2_500, waiting(100)])).toBe(1_500);
  });

  test("is nothing while commits go on, however many sessions wait at each look", () => {
    expect(told([0, waiting(100)], [1_000, waiting(180)], [2_000, waiting(260)])).toBeUndefined();
  });

  test("is not told by one look alone: what waits now may be acknowledged in a moment", () => {
    expect(told([0, waiting(100)])).toBeUndefined();
  });

  test("begins anew when a commit has got through", () => {
    expect(told([0, waiting(100)], [1_000, waiting(100)], [2_000, waiting(101)])).toBeUndefined();
    expect(
      told(
        [0, waiting(100)],
        [1_000, waiting(100)],
        [2_000, waiting(101)],
        [3_000, waiting(101)],
        [3_500, waiting(101)],
      ),
    ).toBe(500);
  });

  test("counts at once without a replica that acknowledges, whether or not somebody writes", () => {
    const alone = waiting(100, { clients: 0, waiting: 0 });

    expect(told([0, alone])).toBe(0);
    expect(told([0, alone], [1_600, alone])).toBe(1_600);
  });

  test("is nothing where the writer does not wait, or cannot be read", () => {
    expect(told([0, waiting(100)], [1_000, waiting(100, { source: false })])).toBeUndefined();
    expect(told([0, waiting(100)], [1_000, waiting(100)], [2_000, undefined])).toBeUndefined();
    expect(told([0, waiting(100)], [1_000, undefined], [2_000, waiting(100)])).toBeUndefined();
  });
});
