import { expect, test } from "@jest/globals";
import { wordPressCron } from "../../../lib/cron/cron.ts";
import { AGENTS_PER_CALL_MAX } from "../../../lib/lifecycle/aws.ts";
import { manualClock } from "../manual-clock.ts";
import { clients, fakeAws } from "../functions/farm-fixture.ts";
import { memoryTable } from "../reconcile/memory-table.ts";
import { localSpec } from "../trigger/local-spec.ts";

const idOf = (number: number): string => `i-${String(number).padStart(3, "0")}`;

/** Whose turn it is among so many healthy nodes, and how many times agents were asked for. */
async function turns(count: number, last: number | undefined, isOnline: (id: string) => boolean = () => true) {
  const ids = Array.from({ length: count }, (_, index) => idOf(index));
  const calls = fakeAws({
    DescribeAutoScalingGroups: () => ({
      AutoScalingGroups: [
        {
          AutoScalingGroupName: localSpec.webGroup,
          TargetGroupARNs: ["arn:web"],
          Instances: ids.map((InstanceId) => ({ InstanceId, LifecycleState: "InService", HealthStatus: "Healthy" })),
        },
      ],
    }),
    DescribeTargetHealth: () => ({
      TargetHealthDescriptions: ids.map((Id) => ({ Target: { Id }, TargetHealth: { State: "healthy" } })),
    }),
    DescribeInstanceInformation: (input) => ({
      InstanceInformationList: ids
        .filter((id) => JSON.stringify(input).includes(`"${id}"`))
        .map((InstanceId) => ({ InstanceId, PingStatus: isOnline(InstanceId) ? "Online" : "ConnectionLost" })),
    }),
    ListCommands: () => ({ Commands: [] }),
  });
  const table = memoryTable();
  if (last !== undefined) await table.put({ pk: "cron", sk: "last", instanceId: idOf(last), at: 0 });
  const cron = wordPressCron({ ...clients, spec: localSpec, clock: manualClock(), table });
  const { nodes } = await cron.observe("cron", []);
  return {
    next: "known" in nodes ? nodes.known[0] : undefined,
    asked: calls.filter(({ operation }) => operation === "DescribeInstanceInformation").length,
  };
}

test("nodes have their turns by id, over and over", async () => {
  expect((await turns(3, undefined)).next).toBe("i-000");
  expect((await turns(3, 1)).next).toBe("i-002");
  expect((await turns(3, 2)).next).toBe("i-000");
  expect((await turns(1, 0)).next).toBe("i-000");
});

test("of many nodes only the next ones are asked for, and all before nobody is within reach", async () => {
  const many = 4 * AGENTS_PER_CALL_MAX;
  expect(await turns(many, 120)).toEqual({ next: "i-121", asked: 1 });
  expect(await turns(many, 120, (id) => id === "i-119")).toEqual({ next: "i-119", asked: 4 });
  expect(await turns(many, 120, () => false)).toEqual({ next: undefined, asked: 4 });
});
