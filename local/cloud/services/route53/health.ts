import type { HealthCheckConfig } from "@aws-sdk/client-route-53";
import type { Timer } from "../../clock.ts";
import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";

/** One look at an endpoint, as a health checker of Route 53 does it. */
export interface HealthProbe {
  readonly protocol: "http" | "https" | "tcp";
  readonly host: string;
  readonly port: number;
  /** Of HTTP. */
  readonly path: string;
  /** Host header of HTTP. */
  readonly name: string;
  /** Text that the first 5,120 bytes of the body must have. */
  readonly search?: string;
}
export interface HealthResult {
  readonly healthy: boolean;
  /** As GetHealthCheckStatus shows it, e.g. `Success: HTTP Status Code 200, OK`. */
  readonly reason: string;
}
/** Real connections in the farm, a model in the simulation. Never rejects. */
export type HealthProber = (probe: HealthProbe) => Promise<HealthResult>;

export interface HealthCheck {
  readonly id: string;
  readonly callerReference: string;
  config: HealthCheckConfig;
  version: number;
  readonly tags: Map<string, string>;
  /** What the probes have led to: a new check counts as healthy until it is known better. */
  healthy: boolean;
  /** Probes in a row that say otherwise. */
  against: number;
  last: { readonly at: number; readonly reason: string } | undefined;
  timer: Timer | undefined;
}

/** AWS's default quota. */
const CHECKS_MAX = 200;
const CHILDREN_MAX = 255;
const FAILURE_THRESHOLD = 3;
const INTERVAL_SECONDS = 30;
const TYPES = ["HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP", "CALCULATED"] as const;

const invalid = (message: string): CloudError => new CloudError("InvalidInput", message);

export interface HealthParts {
  readonly probe?: HealthProber;
  /** Address of a name: the farm's own zones first. */
  resolve(name: string): string | undefined;
  /** Takes the metrics of namespace AWS/Route53. */
  record?(namespace: string, metricName: string, dimensions: Record<string, string>, value: number): void;
}

/** The health checks of one account, and the checkers that probe for them. */
export class HealthChecks {
  readonly byId = new Map<string, HealthCheck>();
  private readonly world: World;
  private readonly parts: HealthParts;

  constructor(world: World, parts: HealthParts) {
    this.world = world;
    this.parts = parts;
  }

  get(id: string | undefined): HealthCheck {
    const found = this.byId.get(id ?? "");
    if (found) return found;
    throw new CloudError("NoSuchHealthCheck", `A health check with id ${id ?? ""} does not exist.`, 404);
  }

  create(callerReference: string, given: HealthCheckConfig | undefined): HealthCheck {
    const config = this.checked(given);
    const before = [...this.byId.values()].find((one) => one.callerReference === callerReference);
    if (before) {
      if (JSON.stringify(before.config) === JSON.stringify(config)) return before;
      throw new CloudError(
        "HealthCheckAlreadyExists",
        "A health check with this caller reference exists already, with other settings.",
        409,
      );
    }
    if (this.byId.size >= CHECKS_MAX)
      throw new CloudError("TooManyHealthChecks", `more than ${CHECKS_MAX} health checks`);
    const check: HealthCheck = {
      id: this.world.ids.uuid(),
      callerReference,
      config,
      version: 1,
      tags: new Map(),
      healthy: true,
      against: 0,
      last: undefined,
      timer: undefined,
    };
    this.byId.set(check.id, check);
    this.watch(check);
    return check;
  }

  update(check: HealthCheck, config: HealthCheckConfig): void {
    check.config = this.checked(config, check.id);
    check.version += 1;
    check.against = 0;
  }

  remove(check: HealthCheck): void {
    check.timer?.cancel();
    this.byId.delete(check.id);
  }

  close(): void {
    for (const { timer } of this.byId.values()) timer?.cancel();
  }

  /** What records and parents see: `Inverted` and `Disabled` are applied here. One that is not there counts as healthy. */
  isHealthy(id: string): boolean {
    const check = this.byId.get(id);
    if (check === undefined) return true;
    const { config } = check;
    return (config.Disabled === true || this.isUp(check)) !== (config.Inverted === true);
  }

  private isUp(check: HealthCheck): boolean {
    if (check.config.Type !== "CALCULATED") return check.healthy;
    const children = check.config.ChildHealthChecks ?? [];
    const threshold = Math.min(check.config.HealthThreshold ?? 0, children.length);
    return children.filter((id) => this.isHealthy(id)).length >= threshold;
  }

  private checked(given: HealthCheckConfig | undefined, self?: string): HealthCheckConfig {
    const type = TYPES.find((one) => one === given?.Type);
    if (given === undefined || type === undefined)
      throw invalid(`the embedded cloud has no DNS health checks of type ${given?.Type ?? ""}`);
    if (type === "CALCULATED") return this.checkedCalculated(given, self);
    if (this.parts.probe === undefined) throw invalid(`this world has no checkers that could probe by ${type}`);
    if (given.IPAddress === undefined && given.FullyQualifiedDomainName === undefined)
      throw invalid("IPAddress or FullyQualifiedDomainName is required.");
    if (type.endsWith("STR_MATCH") !== (given.SearchString !== undefined))
      throw invalid("SearchString belongs to health checks of type HTTP_STR_MATCH and HTTPS_STR_MATCH.");
    const { RequestInterval = INTERVAL_SECONDS, FailureThreshold = FAILURE_THRESHOLD } = given;
    if (RequestInterval !== 10 && RequestInterval !== 30) throw invalid("RequestInterval must be 10 or 30.");
    if (FailureThreshold < 1 || FailureThreshold > 10) throw invalid("FailureThreshold must be 1 to 10.");
    const port = given.Port ?? (type === "TCP" ? undefined : type.startsWith("HTTPS") ? 443 : 80);
    if (port === undefined) throw invalid("Port is required for a health check of type TCP.");
    return { Inverted: false, Disabled: false, ...given, RequestInterval, FailureThreshold, Port: port };
  }

  private checkedCalculated(given: HealthCheckConfig, self: string | undefined): HealthCheckConfig {
    const children = given.ChildHealthChecks ?? [];
    if (children.length > CHILDREN_MAX) throw invalid(`at most ${CHILDREN_MAX} child health checks`);
    for (const id of children) {
      // AWS allows no calculated check among the children, so there is no circle either
      if (id === self || this.get(id).config.Type === "CALCULATED")
        throw invalid(`Health check ${id} is calculated and cannot be the child of another.`);
    }
    return { Inverted: false, Disabled: false, HealthThreshold: children.length, ...given };
  }

  private watch(check: HealthCheck): void {
    const { config } = check;
    if (config.Type === "CALCULATED") return;
    const intervalMs = (config.RequestInterval ?? INTERVAL_SECONDS) * 1_000;
    const look = (): void => {
      void this.look(check).finally(() => {
        if (this.byId.has(check.id)) check.timer = this.world.clock.after(intervalMs, look);
      });
    };
    check.timer = this.world.clock.after(0, look);
  }

  private async look(check: HealthCheck): Promise<void> {
    const { config } = check;
    const { healthy, reason } = await this.probe(config);
    check.last = { at: this.world.clock.now(), reason };
    check.against = healthy === check.healthy ? 0 : check.against + 1;
    if (check.against >= (config.FailureThreshold ?? FAILURE_THRESHOLD)) {
      check.healthy = healthy;
      check.against = 0;
    }
    const dimensions = { HealthCheckId: check.id };
    this.parts.record?.("AWS/Route53", "HealthCheckStatus", dimensions, this.isHealthy(check.id) ? 1 : 0);
  }

  private async probe(config: HealthCheckConfig): Promise<HealthResult> {
    const name = config.FullyQualifiedDomainName ?? config.IPAddress ?? "";
    const host = config.IPAddress ?? this.parts.resolve(name);
    if (host === undefined || this.parts.probe === undefined)
      return { healthy: false, reason: "Failure: DNS resolution failed: Rcode NXDomain(3)" };
    const type = config.Type ?? "TCP";
    const protocol = type.startsWith("HTTPS") ? "https" : type.startsWith("HTTP") ? "http" : "tcp";
    return this.parts.probe({
      protocol,
      host,
      port: config.Port ?? 0,
      path: config.ResourcePath ?? "/",
      name,
      ...(config.SearchString !== undefined && { search: config.SearchString }),
    });
  }
}
