import {
  EnterStandbyCommand,
  ExitStandbyCommand,
  SetDesiredCapacityCommand,
  SetInstanceHealthCommand,
  TerminateInstanceInAutoScalingGroupCommand,
  type AutoScalingClient,
} from "@aws-sdk/client-auto-scaling";
import {
  GetMetricDataCommand,
  paginateDescribeAlarms,
  type CloudWatchClient,
  type MetricDataQuery,
  type MetricDataResult,
} from "@aws-sdk/client-cloudwatch";
import {
  DeregisterTargetsCommand,
  DescribeTargetHealthCommand,
  type ElasticLoadBalancingV2Client,
  type TargetHealthDescription,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { callAws } from "../aws/errors.ts";
import { WINDOW_MS, type LoadSample } from "./capacity.ts";
import { HISTORY_MS, HISTORY_PERIOD_MS, MINUTE_MS, VOLATILITY_MS } from "./forecast.ts";
import { PERIOD_MS, type Period } from "./work.ts";
import type { Target, TargetState } from "./node/plan.ts";

export interface CapacityClients {
  readonly autoScaling: AutoScalingClient;
  readonly cloudWatch: CloudWatchClient;
}

export interface FleetClients extends CapacityClients {
  readonly elbv2: ElasticLoadBalancingV2Client;
}

/** The most that is read, two weeks of five metrics by five minutes, fits in one page of 100,800 values many times over. */
const METRIC_PAGES_MAX = 3;

/** A farm has a dozen alarms; ten pages of them are somebody else's. */
const ALARMS_MAX = 1_000;
const ALARMS_PER_PAGE_MAX = 100;

export interface Alarm {
  readonly name: string;
  readonly state: "OK" | "ALARM" | "INSUFFICIENT_DATA";
}

/** Adapter of the web tier: one function per AWS call, without SDK types. All throw TandemError (lib/aws/errors.ts). */
export const fleetAws = (clients: FleetClients) => ({ ...capacityAws(clients), ...nodesAws(clients) });

/** What the tier's size is decided on and set by. */
export function capacityAws({ autoScaling, cloudWatch }: CapacityClients) {
  return {
    /** The whole window that ends at `now`, a sample per period in which all the metrics are there, oldest first. */
    async samples(namespace: string, group: string, now: number): Promise<readonly LoadSample[]> {
      const end = Math.ceil(now / PERIOD_MS) * PERIOD_MS;
      const results = await metricData(
        cloudWatch,
        queries(METRICS, namespace, group, PERIOD_MS),
        end - WINDOW_MS - PERIOD_MS,
        end,
      );
      return samplesOf(results);
    },
    /** Whole minutes of the last three hours, oldest first. Those without any report are not among them. */
    minutes: (namespace: string, group: string, now: number): Promise<readonly Period[]> =>
      periods(cloudWatch, { namespace, group, now, periodMs: MINUTE_MS, pastMs: VOLATILITY_MS }),
    /** Whole periods of five minutes of the last two weeks, oldest first. */
    history: (namespace: string, group: string, now: number): Promise<readonly Period[]> =>
      periods(cloudWatch, { namespace, group, now, periodMs: HISTORY_PERIOD_MS, pastMs: HISTORY_MS }),
    async setDesired(group: string, desired: number): Promise<void> {
      const input = { AutoScalingGroupName: group, DesiredCapacity: desired, HonorCooldown: false };
      await callAws(`set desired capacity of ${group} to ${desired}`, () =>
        autoScaling.send(new SetDesiredCapacityCommand(input)),
      );
    },
  };
}

/** Alarms, and the nodes with their targets. */
export function nodesAws({ autoScaling, cloudWatch, elbv2 }: FleetClients) {
  return {
    /** Metric alarms whose name begins with the prefix. */
    async alarms(prefix: string): Promise<readonly Alarm[]> {
      return callAws(`describe the alarms ${prefix}*`, async () => {
        const alarms: Alarm[] = [];
        const input = {
          AlarmNamePrefix: prefix,
          AlarmTypes: ["MetricAlarm" as const],
          MaxRecords: ALARMS_PER_PAGE_MAX,
        };
        for await (const page of paginateDescribeAlarms({ client: cloudWatch }, input)) {
          for (const { AlarmName: name, StateValue: state } of page.MetricAlarms ?? [])
            if (name !== undefined) alarms.push({ name, state: state ?? "INSUFFICIENT_DATA" });
          if (alarms.length >= ALARMS_MAX) break;
        }
        return alarms;
      });
    },
    async markUnhealthy(instanceId: string): Promise<void> {
      const input = { InstanceId: instanceId, HealthStatus: "Unhealthy", ShouldRespectGracePeriod: false };
      await callAws(`mark ${instanceId} unhealthy`, () => autoScaling.send(new SetInstanceHealthCommand(input)));
    },
    /** The instance passes its terminate hook. The group replaces one that it counts, or wants one less from now on. */
    async terminate(instanceId: string, then: "keep the size" | "want one less"): Promise<void> {
      const input = { InstanceId: instanceId, ShouldDecrementDesiredCapacity: then === "want one less" };
      await callAws(`terminate ${instanceId} and ${then}`, () =>
        autoScaling.send(new TerminateInstanceInAutoScalingGroupCommand(input)),
      );
    },
    /** Out of the balancer, and not replaced unless the group keeps its size: then it launches another. */
    async enterStandby(group: string, instanceId: string, shrinks: boolean): Promise<void> {
      const input = {
        AutoScalingGroupName: group,
        InstanceIds: [instanceId],
        ShouldDecrementDesiredCapacity: shrinks,
      };
      await callAws(`put ${instanceId} on standby`, () => autoScaling.send(new EnterStandbyCommand(input)));
    },
    /** Back through `Pending`; the group wants one node more. */
    async exitStandby(group: string, instanceId: string): Promise<void> {
      const input = { AutoScalingGroupName: group, InstanceIds: [instanceId] };
      await callAws(`end the standby of ${instanceId}`, () => autoScaling.send(new ExitStandbyCommand(input)));
    },
    /** State of every target of the group; of one instance only, if given: then `unused` also when it is not registered. */
    async targets(targetGroup: string, instanceId?: string): Promise<ReadonlyMap<string, TargetState>> {
      const one = instanceId === undefined ? {} : { Targets: [{ Id: instanceId }] };
      const answer = await callAws(`describe the targets of ${targetGroup}`, () =>
        elbv2.send(new DescribeTargetHealthCommand({ TargetGroupArn: targetGroup, ...one })),
      );
      return new Map((answer.TargetHealthDescriptions ?? []).flatMap(targetOf));
    },
    /** Deregistering what is not registered is a no-op. */
    async deregister(targetGroup: string, instanceId: string): Promise<void> {
      const input = { TargetGroupArn: targetGroup, Targets: [{ Id: instanceId }] };
      await callAws(`deregister ${instanceId} from ${targetGroup}`, () =>
        elbv2.send(new DeregisterTargetsCommand(input)),
      );
    },
  };
}

export type FleetAws = ReturnType<typeof fleetAws>;
export type NodesAws = ReturnType<typeof nodesAws>;

/** State of the instance in each of the target groups. A target that is not listed is not registered. */
export const targetsOf = (aws: FleetAws, targetGroups: readonly string[], instanceId: string): Promise<Target[]> =>
  Promise.all(
    targetGroups.map(async (targetGroup): Promise<Target> => {
      const state = (await aws.targets(targetGroup, instanceId)).get(instanceId);
      return { targetGroup, state: state ?? "unused" };
    }),
  );

/** `unhealthy.draining` is draining; a state that is not known here counts as one that gets requests. */
function targetOf(target: TargetHealthDescription): [string, TargetState][] {
  const id = target.Target?.Id;
  const state = target.TargetHealth?.State ?? "";
  if (id === undefined) return [];
  if (state.endsWith("draining")) return [[id, "draining"]];
  return [[id, TARGET_STATES.find((known) => known === state) ?? "unavailable"]];
}

const TARGET_STATES: readonly TargetState[] = ["initial", "healthy", "unhealthy", "unused"];

/** The means are over the nodes that reported; how many did is the count of any of the metrics. */
const METRICS = {
  reporters: { metric: "Workers", statistic: "SampleCount" },
  arrived: { metric: "ArrivedRequests", statistic: "Average" },
  completed: { metric: "CompletedRequests", statistic: "Average" },
  busy: { metric: "BusyWorkers", statistic: "Average" },
  workers: { metric: "Workers", statistic: "Average" },
  queued: { metric: "QueuedRequests", statistic: "Average" },
  /** Of nodes that can tell their own from another's; without it the workers alone count. */
  cpu: { metric: "CpuPercent", statistic: "Average" },
} as const;

/** Of longer periods: sums over the nodes and their reports. */
const SUMS = {
  arrived: { metric: "ArrivedRequests", statistic: "Sum" },
  completed: { metric: "CompletedRequests", statistic: "Sum" },
  queued: { metric: "QueuedRequests", statistic: "Sum" },
  busy: { metric: "BusyWorkers", statistic: "Sum" },
  cpu: { metric: "CpuPercent", statistic: "Sum" },
} as const;
type Metrics = Readonly<Record<string, { readonly metric: string; readonly statistic: string }>>;

/** All pages of one read. Throws TandemError. */
async function metricData(
  cloudWatch: CloudWatchClient,
  MetricDataQueries: MetricDataQuery[],
  from: number,
  to: number,
): Promise<MetricDataResult[]> {
  const results: MetricDataResult[] = [];
  let next: string | undefined;
  for (let page = 0; page < METRIC_PAGES_MAX; page++) {
    const input = {
      StartTime: new Date(from),
      EndTime: new Date(to),
      MetricDataQueries,
      ...(next === undefined ? {} : { NextToken: next }),
    };
    const answer = await callAws("read the metrics of the web nodes", () =>
      cloudWatch.send(new GetMetricDataCommand(input)),
    );
    results.push(...(answer.MetricDataResults ?? []));
    next = answer.NextToken;
    if (next === undefined) break;
  }
  return results;
}

interface Span {
  readonly namespace: string;
  readonly group: string;
  readonly now: number;
  readonly periodMs: number;
  readonly pastMs: number;
}

/** Of whole periods only: one that is being filled would look like a load that falls. */
async function periods(cloudWatch: CloudWatchClient, span: Span): Promise<readonly Period[]> {
  const { namespace, group, now, periodMs, pastMs } = span;
  const end = Math.floor(now / periodMs) * periodMs;
  const results = await metricData(cloudWatch, queries(SUMS, namespace, group, periodMs), end - pastMs, end);
  const { times, at } = seriesOf<keyof typeof SUMS>(results, "arrived");
  // A gauge is reported once in each period of the nodes: its sum, spread over them, is its mean over all nodes together.
  const reports = periodMs / PERIOD_MS;
  return times.flatMap((time) => {
    const [arrived, completed, busy] = [at("arrived", time), at("completed", time), at("busy", time)];
    if (arrived === undefined || completed === undefined || busy === undefined) return [];
    const [queued, processors] = [at("queued", time) ?? 0, (at("cpu", time) ?? 0) / 100];
    return [{ at: time, arrived, completed, queued, busy: busy / reports, processors: processors / reports }];
  });
}

const queries = (metrics: Metrics, namespace: string, group: string, periodMs: number): MetricDataQuery[] =>
  Object.entries(metrics).map(([id, of]) => metricQuery(id, of, namespace, group, periodMs));

const metricQuery = (
  id: string,
  { metric, statistic }: { readonly metric: string; readonly statistic: string },
  namespace: string,
  group: string,
  periodMs: number,
): MetricDataQuery => ({
  Id: id,
  MetricStat: {
    Metric: {
      Namespace: namespace,
      MetricName: metric,
      Dimensions: [{ Name: "AutoScalingGroupName", Value: group }],
    },
    Period: periodMs / 1000,
    Stat: statistic,
  },
});

function samplesOf(results: readonly MetricDataResult[]): LoadSample[] {
  const { times, at } = seriesOf<keyof typeof METRICS>(results, "reporters");
  return times.flatMap((time) => {
    const reporters = at("reporters", time);
    const [arrived, completed, busy] = [at("arrived", time), at("completed", time), at("busy", time)];
    const [workers, queued] = [at("workers", time), at("queued", time)];
    if (reporters === undefined || arrived === undefined || completed === undefined) return [];
    if (busy === undefined || workers === undefined || queued === undefined) return [];
    const cpuPercent = at("cpu", time);
    const sample = { at: time, reporters, arrived, completed, busy, workers, queued };
    return [cpuPercent === undefined ? sample : { ...sample, cpuPercent }];
  });
}

/** The values of each metric by their time, and the times of one of them, oldest first. */
function seriesOf<Id extends string>(results: readonly MetricDataResult[], first: Id) {
  const series = new Map<string, Map<number, number>>();
  for (const { Id: id = "", Timestamps: times = [], Values: values = [] } of results) {
    const points = series.get(id) ?? new Map<number, number>();
    times.forEach((time, index) => points.set(time.getTime(), values[index] ?? 0));
    series.set(id, points);
  }
  return {
    times: [...(series.get(first)?.keys() ?? [])].toSorted((a, b) => a - b),
    at: (id: Id, time: number): number | undefined => series.get(id)?.get(time),
  };
}
