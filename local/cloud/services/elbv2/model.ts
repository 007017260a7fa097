import type { Timer } from "../../clock.ts";
import type { BalancerListener } from "./proxy.ts";

/** AWS's default quotas. */
export const QUOTAS = {
  "application-load-balancers": 50,
  "target-groups": 3_000,
  "targets-per-application-load-balancer": 1_000,
  "listeners-per-application-load-balancer": 50,
  "rules-per-application-load-balancer": 100,
} as const;

export type TargetState = "initial" | "healthy" | "unhealthy" | "draining" | "unused";
export type ReasonCode =
  | "Elb.RegistrationInProgress"
  | "Target.ResponseCodeMismatch"
  | "Target.Timeout"
  | "Target.FailedHealthChecks"
  | "Target.NotRegistered"
  | "Target.NotInUse"
  | "Target.InvalidState"
  | "Target.DeregistrationInProgress";

export interface Target {
  /** Instance id or IP address. */
  readonly id: string;
  readonly port: number;
  state: TargetState;
  reason?: ReasonCode;
  description?: string;
  successes: number;
  failures: number;
  /** In slow start since then; absent: it takes its whole share. */
  slowSince?: number;
  /** The next probe, or the end of draining. */
  timer?: Timer;
  /** Requests that it has not answered; each entry cuts one. */
  readonly open: Set<() => void>;
}

export interface HealthCheck {
  readonly path: string;
  readonly port: string;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  /** e.g. `200`, `200,302` or `200-299`. */
  readonly matcher: string;
}

export interface TargetGroup {
  readonly arn: string;
  readonly name: string;
  readonly port: number;
  readonly vpcId?: string;
  readonly targetType: "instance" | "ip";
  check: HealthCheck;
  readonly attributes: Map<string, string>;
  /** By `<id>:<port>`. */
  readonly targets: Map<string, Target>;
  /** Turns of the rotation over targets. */
  readonly turns: Map<string, number>;
  inUse: boolean;
}

export interface ForwardTo {
  readonly groupArn: string;
  readonly weight: number;
}
export type RuleAction =
  | { readonly kind: "forward"; readonly to: readonly ForwardTo[]; readonly turns: Map<string, number> }
  | { readonly kind: "fixed-response"; readonly status: number; readonly contentType: string; readonly body: string }
  | {
      readonly kind: "redirect";
      readonly status: 301 | 302;
      readonly protocol: string;
      readonly host: string;
      readonly port: string;
      readonly path: string;
      readonly query: string;
    };

export type ConditionField = "path-pattern" | "host-header" | "http-header" | "http-request-method";
export interface Condition {
  readonly field: ConditionField;
  /** Of field `http-header`. */
  readonly header?: string;
  readonly values: readonly string[];
}

export interface Rule {
  readonly arn: string;
  /** Undefined: the listener's default rule. */
  priority?: number;
  conditions: readonly Condition[];
  action: RuleAction;
}

export interface Listener {
  readonly arn: string;
  readonly balancer: LoadBalancer;
  port: number;
  /** The default rule is among them. */
  readonly rules: Map<string, Rule>;
  listening?: BalancerListener;
}

export interface LoadBalancer {
  readonly arn: string;
  readonly name: string;
  /** DNS name and address in one: a local balancer is reached by its address. */
  readonly address: string;
  readonly createdAt: number;
  readonly scheme: "internal" | "internet-facing";
  subnets: readonly string[];
  securityGroups: readonly string[];
  readonly attributes: Map<string, string>;
  readonly listeners: Map<string, Listener>;
}

export const targetKey = (id: string, port: number): string => `${id}:${port}`;
/** The part of an ARN that CloudWatch and CloudFormation call the full name. */
export const fullName = (arn: string): string => arn.slice(arn.lastIndexOf(":") + 1).replace(/^loadbalancer\//, "");
