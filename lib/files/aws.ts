import { GetMetricDataCommand, type CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { callAws } from "../aws/errors.ts";

export interface FilesClients {
  readonly cloudWatch: CloudWatchClient;
}

/** Published by each web node: 1 while its share is mounted and can be read, 0 while it is not. */
const METRIC = "SharedFilesMounted";
const PERIOD_MS = 10_000;
/** CloudWatch takes no more metrics in one question. */
const METRICS_PER_CALL_MAX = 500;

/** Adapter: one function per AWS call, without SDK types. All throw TandemError (lib/aws/errors.ts). */
export const filesAws = ({ cloudWatch }: FilesClients) => ({
  /** The newest report of each instance that has made one in the last `windowMs`; the others are not in the map. */
  async mounts(
    namespace: string,
    group: string,
    instanceIds: readonly string[],
    { now, windowMs }: { readonly now: number; readonly windowMs: number },
  ): Promise<ReadonlyMap<string, boolean>> {
    const mounts = new Map<string, boolean>();
    const end = Math.ceil(now / PERIOD_MS) * PERIOD_MS;
    for (let first = 0; first < instanceIds.length; first += METRICS_PER_CALL_MAX) {
      const ids = instanceIds.slice(first, first + METRICS_PER_CALL_MAX);
      const input = {
        StartTime: new Date(end - windowMs - PERIOD_MS),
        EndTime: new Date(end),
        ScanBy: "TimestampDescending" as const,
        MetricDataQueries: ids.map((id, index) => query(namespace, group, id, index)),
      };
      const answer = await callAws(`read which of ${ids.length} nodes have the share`, () =>
        cloudWatch.send(new GetMetricDataCommand(input)),
      );
      for (const { Id: id = "", Values: [newest] = [] } of answer.MetricDataResults ?? []) {
        const instanceId = ids[Number(id.slice(1))];
        if (instanceId !== undefined && newest !== undefined) mounts.set(instanceId, newest >= 1);
      }
    }
    return mounts;
  },
});

/** The least of a period: one report of a missing share outweighs those of the share before. */
const query = (namespace: string, group: string, instanceId: string, index: number) => ({
  Id: `m${index}`,
  MetricStat: {
    Metric: {
      Namespace: namespace,
      MetricName: METRIC,
      Dimensions: [
        { Name: "AutoScalingGroupName", Value: group },
        { Name: "InstanceId", Value: instanceId },
      ],
    },
    Period: PERIOD_MS / 1000,
    Stat: "Minimum",
  },
});
