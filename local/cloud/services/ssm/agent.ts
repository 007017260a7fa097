import type { DescribeInstanceInformationRequest, InstanceInformation } from "@aws-sdk/client-ssm";
import type { CloudClock, Timer } from "../../clock.ts";
import { CloudError } from "../../errors.ts";
import type { Operation, World } from "../../service.ts";
import type { InstanceRecord } from "../ec2/instance.ts";
import { page } from "./page.ts";

/** From `running` to the agent's registration: seconds on EC2; nobody may count on it being short. */
const REGISTER_MS = 400;
/** An agent that has not been heard for this long is shown as lost: it calls home every five minutes. */
const LOST_MS = 300_000;
/** How long the record of a terminated instance's agent is still described. */
const FORGET_MS = 3_600_000;
const DESCRIBE_MAX = 50;

interface Agent {
  instance: InstanceRecord;
  readonly registeredAt: number;
  lastSeenAt: number;
  online: boolean;
}

interface Office {
  readonly clock: CloudClock;
  readonly agents: Map<string, Agent>;
  /** By instance id, the record of the run that is on: a later run is another record. */
  readonly running: Map<string, InstanceRecord>;
  readonly timers: Set<Timer>;
  cutOffSince(instanceId: string): number | undefined;
}

/** The SSM agents on the instances: one registers a moment after its instance runs, and is lost with its power. */
export interface Agents {
  readonly operations: Record<string, Operation>;
  isOnline(instanceId: string): boolean;
  /** Instances with an agent that is online and that match a target. Throws InvalidTarget for a key that is not known. */
  targeted(key: string, values: readonly string[]): string[];
  nameOf(instanceId: string): string;
  close(): void;
}

function later(office: Office, ms: number, act: () => void): void {
  const timer = office.clock.after(ms, () => {
    office.timers.delete(timer);
    act();
  });
  office.timers.add(timer);
}

function register(office: Office, instance: InstanceRecord): void {
  if (office.running.get(instance.instanceId) !== instance) return;
  const at = office.clock.now();
  const registeredAt = office.agents.get(instance.instanceId)?.registeredAt ?? at;
  office.agents.set(instance.instanceId, { instance, registeredAt, lastSeenAt: at, online: true });
}

/** When it was last heard: now, unless its power or its network is gone. */
const lastHeard = (office: Office, agent: Agent): number =>
  agent.online ? (office.cutOffSince(agent.instance.instanceId) ?? office.clock.now()) : agent.lastSeenAt;

/** The service does not notice at once that a machine is cut off: until then commands to it are accepted, and wait. */
const isOnline = (office: Office, agent: Agent): boolean =>
  agent.online && office.clock.now() - lastHeard(office, agent) < LOST_MS;

const view = (office: Office, agent: Agent): InstanceInformation => ({
  InstanceId: agent.instance.instanceId,
  PingStatus: isOnline(office, agent) ? "Online" : "ConnectionLost",
  LastPingDateTime: new Date(lastHeard(office, agent)),
  AgentVersion: "3.3.0.0",
  IsLatestVersion: true,
  PlatformType: "Linux",
  PlatformName: "Ubuntu",
  PlatformVersion: "24.04",
  ResourceType: "EC2Instance",
  IPAddress: agent.instance.privateIpAddress,
  ComputerName: `ip-${agent.instance.privateIpAddress.replaceAll(".", "-")}`,
  SourceId: agent.instance.instanceId,
  SourceType: "AWS::EC2::Instance",
});

function matches(office: Office, agent: Agent, key: string, values: readonly string[]): boolean {
  if (key === "InstanceIds") return values.includes(agent.instance.instanceId);
  if (key === "PingStatus") return values.includes(isOnline(office, agent) ? "Online" : "ConnectionLost");
  if (key === "PlatformTypes") return values.includes("Linux");
  if (key === "ResourceType") return values.includes("EC2Instance");
  if (key.startsWith("tag:")) return values.includes(agent.instance.tags[key.slice(4)] ?? "");
  if (key === "tag-key") return values.some((value) => value in agent.instance.tags);
  throw new CloudError("InvalidInstanceInformationFilterValue", `The filter ${key} isn't valid.`);
}

function describe(office: Office, input: DescribeInstanceInformationRequest): object {
  const filters = [
    ...(input.Filters ?? []).map((one) => ({ key: one.Key ?? "", values: one.Values ?? [] })),
    ...(input.InstanceInformationFilterList ?? []).map((one) => ({ key: one.key ?? "", values: one.valueSet ?? [] })),
  ];
  const found = [...office.agents.values()].filter((agent) =>
    filters.every(({ key, values }) => matches(office, agent, key, values)),
  );
  const { rows, ...rest } = page(found, input, DESCRIBE_MAX);
  return { InstanceInformationList: rows.map((agent) => view(office, agent)), ...rest };
}

export function openAgents(
  world: World,
  onInstanceChange: (listener: (instance: InstanceRecord) => void) => void,
  cutOffSince: (instanceId: string) => number | undefined,
): Agents {
  const { clock } = world;
  const office: Office = { clock, agents: new Map(), running: new Map(), timers: new Set(), cutOffSince };
  const { agents, running, timers } = office;

  onInstanceChange((instance) => {
    const { instanceId } = instance;
    if (instance.state === "running") {
      running.set(instanceId, instance);
      later(office, REGISTER_MS, () => register(office, instance));
      return;
    }
    running.delete(instanceId);
    const agent = agents.get(instanceId);
    if (agent !== undefined && agent.online) {
      agent.lastSeenAt = clock.now();
      agent.online = false;
    }
    if (instance.state === "terminated") later(office, FORGET_MS, () => agents.delete(instanceId));
  });

  return {
    operations: { DescribeInstanceInformation: (input: DescribeInstanceInformationRequest) => describe(office, input) },
    isOnline(instanceId) {
      const agent = agents.get(instanceId);
      return agent !== undefined && isOnline(office, agent);
    },
    targeted: (key, values) =>
      [...agents.values()]
        .filter((agent) => isOnline(office, agent) && matches(office, agent, key, values))
        .map((agent) => agent.instance.instanceId),
    nameOf: (instanceId) => agents.get(instanceId)?.instance.tags["Name"] ?? "",
    close() {
      for (const timer of timers) timer.cancel();
      timers.clear();
    },
  };
}
