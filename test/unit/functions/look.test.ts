import { describe, expect, test } from "@jest/globals";
import { readFileSync, readdirSync } from "node:fs";
import { lookAtEvent, lookAtFarm } from "../../../lib/look.ts";
import { fakeAws, quietGroup, unitFarm, WEB_NODE } from "./farm-fixture.ts";

const EVENTS = new URL("../../../events/", import.meta.url);
const event = (file: string): unknown => JSON.parse(readFileSync(new URL(file, EVENTS), "utf8"));
const writes = (calls: readonly { operation: string }[]) =>
  calls.filter(({ operation }) => !/^(Describe|Get|List)/.test(operation));

describe("an event", () => {
  test("makes the farm look at its scope", async () => {
    const { farm } = unitFarm();
    fakeAws(quietGroup());
    expect(await lookAtEvent(farm, event("alarm-state.json"))).toMatchObject({
      looks: [{ scope: "web", ended: "rest" }],
    });
  });

  test("of one machine leads to its node, found by its group, and then to the tier", async () => {
    const { farm } = unitFarm();
    fakeAws(quietGroup());
    const report = await lookAtEvent(farm, event("instance-state.json"));
    expect(report).toMatchObject({ looks: [{ scope: `web/${WEB_NODE}` }, { scope: "web" }] });
  });

  test("that announces something of a node is kept before anybody looks, and twice is once", async () => {
    const { farm, table } = unitFarm();
    fakeAws(quietGroup());
    await lookAtEvent(farm, event("health.json"));
    const report = await lookAtEvent(farm, event("health.json"));
    expect(report).toMatchObject({ looks: [{ scope: `web/${WEB_NODE}` }, { scope: "web" }] });
    expect([...table.items.keys()].filter((key) => key.startsWith("notice|"))).toEqual([
      `notice|${WEB_NODE}#01b0993207d81a09dcd552ebd1e633e36cf1f09a-1@000000000000`,
    ]);
  });

  test.each(["instance-state", "spot-warning", "rebalance", "health"])(
    "%s of a machine that is not the farm's is counted and writes nothing anywhere",
    async (name) => {
      const { farm, table, counted, noted } = unitFarm();
      const calls = fakeAws({ DescribeAutoScalingInstances: () => ({ AutoScalingInstances: [] }) });
      expect(await lookAtEvent(farm, event(`${name}.json`))).toEqual({
        looks: [],
        ignored: [`not ours: ${WEB_NODE} is in no group`],
      });
      expect(table.items.size).toBe(0);
      expect(writes(calls)).toEqual([]);
      expect(counted).toEqual(["IgnoredEvents"]);
      expect(noted).toHaveLength(1);
    },
  );

  test.each(readdirSync(new URL("invalid/", EVENTS)).filter((file) => file !== "not-json.json"))(
    "that is broken (%s) is answered with the error, counted, and touches nothing",
    async (file) => {
      const { farm, table, counted } = unitFarm();
      const calls = fakeAws({});
      const report = await lookAtEvent(farm, event(`invalid/${file}`));
      expect(report).toMatchObject({
        looks: [],
        error: { code: "bad-event", next: expect.stringContaining("events/") },
      });
      expect(counted).toContain("RejectedEvents");
      expect(table.items.size).toBe(0);
      expect(calls).toEqual([]);
    },
  );

  test("that comes twice at once makes one look only, with nothing lost", async () => {
    const { farm, table } = unitFarm();
    fakeAws(quietGroup());
    const both = await Promise.all([
      lookAtEvent(farm, event("alarm-state.json")),
      lookAtEvent(farm, event("alarm-state.json")),
    ]);
    expect(both.flatMap(({ looks }) => looks.map(({ ended }) => ended)).toSorted()).toEqual(["coalesced", "rest"]);
    expect(table.items.get("lease|web")).toMatchObject({ wanted: 2, done: 2 });
  });
});

describe("the minute clock", () => {
  test("looks at the tiers, and at nodes that are not quietly in service", async () => {
    const { farm, clock } = unitFarm({ forMs: 15_000 });
    fakeAws({ ...quietGroup({ lifecycleState: "Terminating" }) });
    const running = lookAtFarm(farm);
    await clock.advance(15_000);
    const { looks } = await running;
    expect(looks.map(({ scope }) => scope).toSorted()).toEqual(["cron", "database", "web", `web/${WEB_NODE}`]);
  });

  test("looks at the other scopes although one fails, and then fails with its name", async () => {
    const { farm, table } = unitFarm();
    fakeAws(quietGroup());
    const broken = {
      ...farm,
      requests: {
        ...farm.requests,
        pending: async (scope: string) => (scope === "web" ? Promise.reject(new Error("a bug")) : []),
      },
    };
    await expect(lookAtFarm(broken)).rejects.toMatchObject({
      code: "looks-failed",
      message: "web: a bug",
      retriable: false,
    });
    expect(table.items.get("lease|database")).toMatchObject({ wanted: 1 });
    expect(table.items.get("lease|web")).not.toHaveProperty("holder");
  });
});
