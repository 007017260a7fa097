import type { HealthCheck, ReasonCode, Target } from "./model.ts";
import type { ProbeResult } from "./proxy.ts";

/** Whether `status` is in a matcher such as `200`, `200,302` or `200-299`. */
export function matches(matcher: string, status: number): boolean {
  return matcher.split(",").some((part) => {
    const [low = "", high = low] = part.trim().split("-");
    return status >= Number(low) && status <= Number(high);
  });
}

/** The reason code and text of a failed check, or undefined if it passed. Texts as Elastic Load Balancing writes them. */
function failureOf(check: HealthCheck, result: ProbeResult): { reason: ReasonCode; description: string } | undefined {
  if ("status" in result) {
    if (matches(check.matcher, result.status)) return undefined;
    return {
      reason: "Target.ResponseCodeMismatch",
      description: `Health checks failed with these codes: [${result.status}]`,
    };
  }
  return result.failure === "timeout"
    ? { reason: "Target.Timeout", description: "Request timed out" }
    : { reason: "Target.FailedHealthChecks", description: "Health checks failed" };
}

/**
 * Counts one check and moves the target. A new target is healthy after one success ("it must pass one health check to
 * be considered healthy", Application Load Balancer guide, Health checks for target groups); from then on the two
 * thresholds of successes and failures in a row decide.
 */
export function countCheck(target: Target, check: HealthCheck, result: ProbeResult): void {
  const failure = failureOf(check, result);
  if (failure === undefined) {
    target.successes += 1;
    target.failures = 0;
    const enough = target.state === "initial" ? 1 : check.healthyThreshold;
    if (target.state === "healthy" || target.successes < enough) return;
    target.state = "healthy";
    delete target.reason;
    delete target.description;
    return;
  }
  target.failures += 1;
  target.successes = 0;
  if (target.state !== "unhealthy" && target.failures < check.unhealthyThreshold) return;
  target.state = "unhealthy";
  target.reason = failure.reason;
  target.description = failure.description;
}
