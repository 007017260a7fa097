import { fullName } from "./model.ts";
import type { Outcome } from "./proxy.ts";
import { usersOf, type Store } from "./store.ts";

export type RecordMetric = (
  namespace: string,
  metricName: string,
  dimensions: Record<string, string>,
  value: number,
  unit?: "Count" | "Seconds",
) => void;

/** Elastic Load Balancing measures in intervals of 60 seconds. */
export const METRICS_PERIOD_MS = 60_000;
const NAMESPACE = "AWS/ApplicationELB";

const classOf = (status: number): string => `${Math.floor(status / 100)}XX`;

/** One finished request, once for the balancer and once for balancer and target group together, as AWS publishes it. */
export function recordOutcome(
  record: RecordMetric,
  balancerArn: string,
  groupArn: string | undefined,
  outcome: Outcome,
): void {
  const balancer = { LoadBalancer: fullName(balancerArn) };
  const dimensions: Record<string, string>[] =
    groupArn === undefined ? [balancer] : [balancer, { ...balancer, TargetGroup: fullName(groupArn) }];
  for (const each of dimensions) {
    record(NAMESPACE, "RequestCount", each, 1, "Count");
    if (outcome.targetStatus === undefined) continue;
    record(NAMESPACE, `HTTPCode_Target_${classOf(outcome.targetStatus)}_Count`, each, 1, "Count");
    record(NAMESPACE, "TargetResponseTime", each, outcome.milliseconds / 1_000, "Seconds");
  }
  if (outcome.balancerStatus !== undefined) record(NAMESPACE, "HTTPCode_ELB_5XX_Count", balancer, 1, "Count");
}

/** How many targets of each group are healthy and unhealthy, for each balancer that uses it. */
export function recordHosts(record: RecordMetric, store: Store): void {
  for (const group of store.groups.values()) {
    const count = (state: string): number => [...group.targets.values()].filter((each) => each.state === state).length;
    for (const balancerArn of usersOf(store, group.arn)) {
      const dimensions = { LoadBalancer: fullName(balancerArn), TargetGroup: fullName(group.arn) };
      record(NAMESPACE, "HealthyHostCount", dimensions, count("healthy"), "Count");
      record(NAMESPACE, "UnHealthyHostCount", dimensions, count("unhealthy"), "Count");
    }
  }
}
