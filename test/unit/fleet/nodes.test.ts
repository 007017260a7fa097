import { expect, test } from "@jest/globals";
import { nodesInNeed, NODES_PER_PASS_MAX, nodesToLookAt, type ObservedNodes } from "../../../lib/fleet/nodes.ts";
import type { GroupInstance } from "../../../lib/lifecycle/observation.ts";
import { fakeAws, unitFarm } from "../functions/farm-fixture.ts";

const instance = (id: string, lifecycleState = "InService", healthy = true): GroupInstance => ({
  id,
  lifecycleState,
  healthy,
});
const observed = (instances: readonly GroupInstance[], own: Partial<ObservedNodes> = {}): ObservedNodes => ({
  instances,
  pool: [],
  dead: new Set(),
  taken: new Set(),
  wanted: [],
  ...own,
});

test("nodes that move, are unhealthy, dead or taken by AWS, that an operator wants something of, or that warm up are looked at once each", () => {
  const all = ["quiet", "dead", "drained", "taken"].map((id) => instance(id));
  const moving = [instance("launching", "Pending:Wait"), instance("sick", "InService", false)];
  const pool = [instance("warming", "Warmed:Pending:Wait"), instance("ready", "Warmed:Stopped")];
  const dead = new Set(["dead", "launching", "ready", "long-gone"]);

  const nodes = nodesInNeed(
    observed([...all, ...moving], { pool, dead, taken: new Set(["taken"]), wanted: ["drained"] }),
    0,
  );

  expect(nodes.toSorted()).toEqual(["dead", "drained", "launching", "sick", "taken", "warming"]);
});

test("a node that an operator keeps on standby is left alone until its machine, AWS or a wish tells of it", () => {
  const kept = ["kept", "dead", "taken", "wanted"].map((id) => instance(id, "Standby"));

  const nodes = nodesInNeed(
    observed([...kept, instance("entering", "EnteringStandby")], {
      dead: new Set(["dead"]),
      taken: new Set(["taken"]),
      wanted: ["wanted"],
    }),
    0,
  );

  expect(nodes.toSorted()).toEqual(["dead", "entering", "taken", "wanted"]);
});

test("where more nodes move than a pass looks at, none waits for ever behind those before it", () => {
  const count = 2 * NODES_PER_PASS_MAX + 500;
  const stuck = Array.from({ length: count }, (_, index) => instance(`i-${index}`, "Pending:Wait"));

  const passes = [100, 101, 102].map((minute) => nodesInNeed(observed(stuck), minute));

  expect(passes.map(({ length }) => length)).toEqual([NODES_PER_PASS_MAX, NODES_PER_PASS_MAX, NODES_PER_PASS_MAX]);
  expect(new Set(passes.flat()).size).toBe(count);
});

test("of both classes of web nodes, those that move are looked at", async () => {
  const { farm } = unitFarm();
  const groups = [
    { AutoScalingGroupName: "tandem-local-web", Instances: [{ InstanceId: "i-1", LifecycleState: "Pending:Wait" }] },
    {
      AutoScalingGroupName: "tandem-local-special",
      Instances: [{ InstanceId: "i-2", LifecycleState: "Terminating:Wait" }],
    },
  ];
  fakeAws({
    DescribeAutoScalingGroups: (input) => ({
      AutoScalingGroups: groups.filter(({ AutoScalingGroupName: name }) => JSON.stringify(input).includes(name)),
    }),
    DescribeInstances: () => ({ Reservations: [] }),
  });

  expect(await nodesToLookAt(farm)).toEqual(["i-1"]);
  expect(await nodesToLookAt({ ...farm, spec: { ...farm.spec, hasSpecial: true } })).toEqual(["i-1", "i-2"]);
});
