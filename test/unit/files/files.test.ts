import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { expect, test } from "@jest/globals";
import * as z from "zod";
import { observeMounts } from "../../../lib/files/observe.ts";
import { answering, type Called } from "../answering.ts";
import { manualClock } from "../manual-clock.ts";
import { localSpec } from "../trigger/local-spec.ts";

const querySchema = z.object({
  StartTime: z.date(),
  EndTime: z.date(),
  MetricDataQueries: z.array(z.object({ Id: z.string() })),
});
const SILENT = { unknown: "the node has not reported its share in the last 60 s" };

/** Which nodes report what, by the position in which they are asked for. */
async function observe(count: number, reports: Readonly<Record<number, readonly number[]>>) {
  const calls: Called[] = [];
  const cloudWatch = answering(new CloudWatchClient({ region: "eu-west-1" }), calls, {
    GetMetricData: (input) => ({
      MetricDataResults: querySchema
        .parse(input)
        .MetricDataQueries.map(({ Id }) => ({ Id, Values: reports[Number(Id.slice(1))] ?? [] })),
    }),
  });
  const clock = manualClock();
  const ids = Array.from({ length: count }, (_, index) => `i-${index}`);
  const mounts = await observeMounts({ spec: localSpec, clock, cloudWatch }, localSpec.webGroup, ids);
  return { mounts, clock, calls };
}

test("a node has the share when it said so last; one that has been silent is unknown", async () => {
  const { mounts, calls, clock } = await observe(3, { 0: [1, 0], 1: [0, 1] });

  expect([...mounts]).toEqual([
    ["i-0", true],
    ["i-1", false],
    ["i-2", SILENT],
  ]);
  const [[, input] = ["", {}]] = calls;
  const { StartTime, EndTime } = querySchema.parse(input);
  expect([clock.now() - StartTime.getTime(), EndTime.getTime() - clock.now()]).toEqual([70_000, 0]);
});

test("a farm without nodes asks nothing, one of many asks in parts", async () => {
  expect((await observe(0, {})).calls).toEqual([]);
  const { mounts, calls } = await observe(501, { 0: [1] });
  expect(calls).toHaveLength(2);
  expect([mounts.get("i-0"), mounts.get("i-1"), mounts.get("i-500")]).toEqual([true, SILENT, true]);
});
