import { AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { describe, expect, test } from "@jest/globals";
import { capacityAws } from "../../../lib/fleet/aws.ts";
import { workOf, type Period } from "../../../lib/fleet/work.ts";
import { answering } from "../answering.ts";
import { NOW } from "../lifecycle/observations.ts";

const WORKERS = 2;
const calm: Period = { at: NOW, arrived: 100, completed: 100, queued: 0, busy: 2.5, processors: 0 };

describe("the load of a period, in workers", () => {
  test.each<[string, Partial<Period>, number]>([
    ["is those that were busy", {}, 2.5],
    ["is as many more as the arrivals would have taken, where requests waited", { arrived: 200, queued: 100 }, 5],
    ["is not more because requests are still being answered at its end", { arrived: 3, completed: 1 }, 2.5],
    ["counts no more arrivals than those that waited", { arrived: 3, completed: 1, queued: 1 }, 5],
    ["is not less while what waited before is worked off", { arrived: 50 }, 2.5],
    ["is known although nothing was completed", { arrived: 3, completed: 0 }, 2.5],
    ["is that of the processors where they are the scarcer", { processors: 1.8 }, 3.6],
    ["is beyond what the processors can do where requests waited", { arrived: 200, queued: 100, processors: 2 }, 8],
  ])("%s", (_what, parts, workers) => {
    expect(workOf({ ...calm, ...parts }, WORKERS)).toBeCloseTo(workers, 9);
  });
});

test("minutes are sums of requests, and means of what was busy over all nodes together", async () => {
  const values = { arrived: 90, completed: 80, queued: 12, busy: 18, cpu: 900 };
  const answers = {
    GetMetricData: () => ({
      MetricDataResults: Object.entries(values).map(([Id, value]) => ({
        Id,
        Values: [value],
        Timestamps: [new Date(NOW - 60_000)],
      })),
    }),
  };
  const region = { region: "eu-west-1" };
  const aws = capacityAws({
    autoScaling: answering(new AutoScalingClient(region), [], answers),
    cloudWatch: answering(new CloudWatchClient(region), [], answers),
  });

  // Two nodes report six times a minute: 1.5 busy workers and three quarters of the processors each.
  expect(await aws.minutes("Tandem", "web", NOW)).toEqual([
    { at: NOW - 60_000, arrived: 90, completed: 80, queued: 12, busy: 3, processors: 1.5 },
  ]);
});
