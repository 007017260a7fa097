import { given, inRange, invalid } from "./checks.ts";

/** Defaults of an Application Load Balancer's attributes, as DescribeLoadBalancerAttributes answers them. */
export const BALANCER_ATTRIBUTES: Readonly<Record<string, string>> = {
  "access_logs.s3.enabled": "false",
  "access_logs.s3.bucket": "",
  "access_logs.s3.prefix": "",
  "client_keep_alive.seconds": "3600",
  "connection_logs.s3.enabled": "false",
  "connection_logs.s3.bucket": "",
  "connection_logs.s3.prefix": "",
  "deletion_protection.enabled": "false",
  "idle_timeout.timeout_seconds": "60",
  "load_balancing.cross_zone.enabled": "true",
  "routing.http.desync_mitigation_mode": "defensive",
  "routing.http.drop_invalid_header_fields.enabled": "false",
  "routing.http.preserve_host_header.enabled": "false",
  "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
  "routing.http.xff_client_port.enabled": "false",
  "routing.http.xff_header_processing.mode": "append",
  "routing.http2.enabled": "true",
  "waf.fail_open.enabled": "false",
  "zonal_shift.config.enabled": "false",
};

export const GROUP_ATTRIBUTES: Readonly<Record<string, string>> = {
  "deregistration_delay.timeout_seconds": "300",
  "load_balancing.algorithm.type": "round_robin",
  "load_balancing.algorithm.anomaly_mitigation": "off",
  "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
  "slow_start.duration_seconds": "0",
  "stickiness.enabled": "false",
  "stickiness.type": "lb_cookie",
  "stickiness.lb_cookie.duration_seconds": "86400",
  "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
  "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
};

/** Values that would change behaviour which this cloud does not have: refused rather than remembered without effect. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  "access_logs.s3.enabled": "true",
  "connection_logs.s3.enabled": "true",
  "stickiness.enabled": "true",
  "load_balancing.algorithm.anomaly_mitigation": "on",
};

/** Bounds that AWS documents, in seconds. */
const BOUNDS: Readonly<Record<string, readonly [number, number]>> = {
  "client_keep_alive.seconds": [60, 604_800],
  "idle_timeout.timeout_seconds": [1, 4_000],
  "deregistration_delay.timeout_seconds": [0, 3_600],
  "slow_start.duration_seconds": [0, 900],
};
const ALGORITHMS = ["round_robin", "least_outstanding_requests", "weighted_random"];

interface Attribute {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}

function checkAttribute(known: Readonly<Record<string, string>>, key: string, value: string): void {
  if (known[key] === undefined)
    throw invalid(`Attribute key '${key}' is not recognized`, "InvalidConfigurationRequest");
  if (UNSUPPORTED[key] === value)
    throw invalid(`The embedded cloud does not support ${key} = ${value}`, "InvalidConfigurationRequest");
  const bounds = BOUNDS[key];
  if (bounds !== undefined) {
    if (!/^\d+$/.test(value)) throw invalid(`'${value}' is not a whole number of seconds: ${key}`);
    inRange(Number(value), key, ...bounds);
  }
  if (key === "slow_start.duration_seconds" && value !== "0" && Number(value) < 30)
    throw invalid("slow_start.duration_seconds must be 0 or between 30 and 900");
  if (key === "load_balancing.algorithm.type" && !ALGORITHMS.includes(value))
    throw invalid(`load_balancing.algorithm.type must be one of ${ALGORITHMS.join(", ")}, not ${value}`);
}

/** "Slow start mode is not available with the least outstanding requests and weighted random algorithms" (target group guide). */
function checkTogether(attributes: ReadonlyMap<string, string>): void {
  const algorithm = attributes.get("load_balancing.algorithm.type");
  if ((attributes.get("slow_start.duration_seconds") ?? "0") !== "0" && algorithm !== "round_robin")
    throw invalid(`Slow start is not available with the algorithm '${algorithm}'`, "InvalidConfigurationRequest");
}

/** Sets all or, if one is refused, none. */
export function setAttributes(
  held: Map<string, string>,
  known: Readonly<Record<string, string>>,
  attributes: readonly Attribute[],
): void {
  const pairs = attributes.map(({ Key, Value }) => [given(Key, "Key"), Value ?? ""] as const);
  for (const [key, value] of pairs) checkAttribute(known, key, value);
  if (known === GROUP_ATTRIBUTES) checkTogether(new Map([...held, ...pairs]));
  for (const [key, value] of pairs) held.set(key, value);
}

export const attributesOut = (held: ReadonlyMap<string, string>): { Key: string; Value: string }[] =>
  [...held].map(([Key, Value]) => ({ Key, Value }));
