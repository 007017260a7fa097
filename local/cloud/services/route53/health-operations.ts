import type * as Sdk from "@aws-sdk/client-route-53";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import type { HealthCheck, HealthChecks } from "./health.ts";

const PAGE_MAX = 1_000;

const shown = ({ id, callerReference, config, version }: HealthCheck): object => ({
  Id: id,
  CallerReference: callerReference,
  HealthCheckConfig: config,
  HealthCheckVersion: version,
});

/** Settings that UpdateHealthCheck changes; type, interval and latency graphs stay as they were made. */
const CHANGEABLE = [
  "IPAddress",
  "Port",
  "ResourcePath",
  "FullyQualifiedDomainName",
  "SearchString",
  "FailureThreshold",
  "Inverted",
  "Disabled",
  "HealthThreshold",
  "ChildHealthChecks",
  "EnableSNI",
  "Regions",
] as const;

function update(checks: HealthChecks, input: Sdk.UpdateHealthCheckCommandInput): object {
  const check = checks.get(input.HealthCheckId);
  if (input.HealthCheckVersion !== undefined && input.HealthCheckVersion !== check.version)
    throw new CloudError(
      "HealthCheckVersionMismatch",
      "The value of HealthCheckVersion in the request doesn't match the value of HealthCheckVersion in the health check.",
      409,
    );
  const given = Object.fromEntries(
    CHANGEABLE.flatMap((name) => (input[name] === undefined ? [] : [[name, input[name]] as const])),
  );
  const kept: Partial<Sdk.HealthCheckConfig> = { ...check.config };
  for (const name of input.ResetElements ?? []) if (name in kept) Reflect.deleteProperty(kept, name);
  checks.update(check, { ...kept, ...given, Type: check.config.Type });
  return { HealthCheck: shown(check) };
}

function list(checks: HealthChecks, input: Sdk.ListHealthChecksCommandInput): object {
  const max = Math.min(Math.max(input.MaxItems ?? 100, 1), PAGE_MAX);
  const all = [...checks.byId.values()];
  const start = input.Marker === undefined ? 0 : all.findIndex(({ id }) => id === input.Marker);
  if (start < 0) throw new CloudError("InvalidInput", `The marker is not a health check: ${input.Marker ?? ""}`);
  const next = all[start + max];
  return {
    HealthChecks: all.slice(start, start + max).map(shown),
    Marker: input.Marker ?? "",
    MaxItems: max,
    IsTruncated: next !== undefined,
    ...(next && { NextMarker: next.id }),
  };
}

/** The embedded cloud has one checker, where AWS has some in each of several regions. */
function status(checks: HealthChecks, id: string | undefined): object {
  const { config, last } = checks.get(id);
  if (config.Type === "CALCULATED")
    throw new CloudError("InvalidInput", "The status of a calculated health check cannot be read by its checkers.");
  const observed = last && {
    Region: "eu-west-1",
    IPAddress: "127.0.0.1",
    StatusReport: { Status: last.reason, CheckedTime: new Date(last.at) },
  };
  return { HealthCheckObservations: observed ? [observed] : [] };
}

export const healthOperations = (checks: HealthChecks): Readonly<Record<string, Operation>> => ({
  CreateHealthCheck(input: Sdk.CreateHealthCheckCommandInput) {
    const check = checks.create(input.CallerReference ?? "", input.HealthCheckConfig);
    return {
      HealthCheck: shown(check),
      Location: `https://route53.amazonaws.com/2013-04-01/healthcheck/${check.id}`,
    };
  },
  GetHealthCheck: (input: Sdk.GetHealthCheckCommandInput) => ({ HealthCheck: shown(checks.get(input.HealthCheckId)) }),
  GetHealthCheckCount: () => ({ HealthCheckCount: checks.byId.size }),
  GetHealthCheckStatus: (input: Sdk.GetHealthCheckStatusCommandInput) => status(checks, input.HealthCheckId),
  ListHealthChecks: (input: Sdk.ListHealthChecksCommandInput) => list(checks, input),
  UpdateHealthCheck: (input: Sdk.UpdateHealthCheckCommandInput) => update(checks, input),
  DeleteHealthCheck(input: Sdk.DeleteHealthCheckCommandInput) {
    checks.remove(checks.get(input.HealthCheckId));
    return {};
  },
});
