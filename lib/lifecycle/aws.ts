import {
  CompleteLifecycleActionCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeAutoScalingInstancesCommand,
  paginateDescribeWarmPool,
  RecordLifecycleActionHeartbeatCommand,
  type AutoScalingClient,
  type AutoScalingGroup,
  type Instance as AutoScalingInstance,
  type LaunchTemplateSpecification,
} from "@aws-sdk/client-auto-scaling";
import { paginateDescribeInstances, type EC2Client, type Filter, type Instance } from "@aws-sdk/client-ec2";
import {
  DescribeInstanceInformationCommand,
  GetCommandInvocationCommand,
  ListCommandsCommand,
  SendCommandCommand,
  type GetCommandInvocationCommandOutput,
  type SSMClient,
} from "@aws-sdk/client-ssm";
import { awsErrorMessage, awsErrorName, callAws } from "../aws/errors.ts";
import { TandemError } from "../errors.ts";
import { absent, known, unknown, type Fact } from "../reconcile/fact.ts";
import {
  isDead,
  type CommandRun,
  type Group,
  type GroupInstance,
  type Machine,
  type MachineState,
  type Membership,
} from "./observation.ts";

export interface GroupClients {
  readonly autoScaling: AutoScalingClient;
}

export interface LifecycleClients extends GroupClients {
  readonly ec2: EC2Client;
  readonly ssm: SSMClient;
  /** Without attempts of its own: see ssmOnceClient. */
  readonly ssmOnce: SSMClient;
}

/** An instance has had a launch and a drain and their repetitions. */
const COMMANDS_MAX = 50;
/** EC2 takes no more values in one filter. */
const MACHINES_PER_CALL_MAX = 200;
/** EC2 gives no more in one page. */
const MACHINES_PER_PAGE_MAX = 1_000;
/** Auto Scaling gives no more of a warm pool in one page. */
const POOL_PAGE_MAX = 50;
/** SSM gives no more agents in one page, so that a call needs no second one. */
export const AGENTS_PER_CALL_MAX = 50;
/** SSM waits this long for an agent to take a command; the shortest that it allows. */
const DELIVERY_SECONDS = 30;

/** Adapter: one function per AWS call, without SDK types. All throw TandemError (lib/aws/errors.ts). */
export const lifecycleAws = (clients: LifecycleClients) => ({
  ...groupsAws(clients),
  ...machinery(clients),
  ...commands(clients),
  ...hookActions(clients),
});

/** What groups say of themselves and of their instances; of its own, so that who reads only this needs no EC2. */
export function groupsAws({ autoScaling }: GroupClients) {
  return {
    /** Undefined: no such group. */
    async group(name: string): Promise<Group | undefined> {
      const answer = await callAws(`describe group ${name}`, () =>
        autoScaling.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] })),
      );
      const group = answer.AutoScalingGroups?.find((found) => found.AutoScalingGroupName === name);
      return group === undefined ? undefined : groupOf(group);
    },
    /** What is in the group's warm pool, on its way into it or leaving it for good. */
    async warmPool(name: string): Promise<readonly GroupInstance[]> {
      return callAws(`describe the warm pool of ${name}`, async () => {
        const found: GroupInstance[] = [];
        const input = { AutoScalingGroupName: name, MaxRecords: POOL_PAGE_MAX };
        for await (const page of paginateDescribeWarmPool({ client: autoScaling }, input))
          found.push(...(page.Instances ?? []).flatMap(instanceOf));
        return found;
      });
    },
    /** Undefined: in no Auto Scaling group. */
    async membership(instanceId: string): Promise<Membership | undefined> {
      const answer = await callAws(`describe ${instanceId} in Auto Scaling`, () =>
        autoScaling.send(new DescribeAutoScalingInstancesCommand({ InstanceIds: [instanceId] })),
      );
      const found = answer.AutoScalingInstances?.find((instance) => instance.InstanceId === instanceId);
      if (found?.AutoScalingGroupName === undefined) return undefined;
      return {
        group: found.AutoScalingGroupName,
        lifecycleState: found.LifecycleState ?? "",
        healthy: found.HealthStatus?.toLowerCase() === "healthy",
      };
    },
  };
}

/** What EC2 and SSM say of instances. */
function machinery({ ec2, ssm }: LifecycleClients) {
  return {
    /** By instance id; what EC2 does not know is not in the map. A filter, unlike a list of ids, does not fail on one. */
    async machines(instanceIds: readonly string[]): Promise<ReadonlyMap<string, Machine>> {
      const machines = new Map<string, Machine>();
      for (let first = 0; first < instanceIds.length; first += MACHINES_PER_CALL_MAX) {
        const Values = instanceIds.slice(first, first + MACHINES_PER_CALL_MAX);
        const doing = `describe ${instanceIds.length} instances`;
        for (const machine of await described(ec2, doing, [{ Name: "instance-id", Values }])) machines.set(...machine);
      }
      return machines;
    },
    /**
     * By instance id, those that the group has launched, by the tag that Auto Scaling gives them; only those in one of the
     * states, if given. Terminated ones are among them for about an hour.
     */
    async machinesOfGroup(
      name: string,
      states: readonly MachineState[] = MACHINE_STATES,
    ): Promise<ReadonlyMap<string, Machine>> {
      const filters = [
        { Name: "tag:aws:autoscaling:groupName", Values: [name] },
        { Name: "instance-state-name", Values: [...states] },
      ];
      return new Map(await described(ec2, `describe the instances of ${name}`, filters));
    },
    /** By instance id, of at most `AGENTS_PER_CALL_MAX`; an agent that never registered is not in the map. */
    async agents(instanceIds: readonly string[]): Promise<ReadonlyMap<string, "online" | "offline">> {
      const input = { Filters: [{ Key: "InstanceIds", Values: [...instanceIds] }], MaxResults: AGENTS_PER_CALL_MAX };
      const answer = await callAws(`describe the SSM agents of ${instanceIds.join(", ")}`, () =>
        ssm.send(new DescribeInstanceInformationCommand(input)),
      );
      return new Map(
        (answer.InstanceInformationList ?? []).flatMap(({ InstanceId: id, PingStatus: status }) =>
          id === undefined ? [] : [[id, status === "Online" ? "online" : "offline"]],
        ),
      );
    },
  };
}

/** All pages, as large as EC2 gives them. */
async function described(ec2: EC2Client, doing: string, Filters: Filter[]): Promise<[string, Machine][]> {
  return callAws(doing, async () => {
    const machines: [string, Machine][] = [];
    const input = { Filters, MaxResults: MACHINES_PER_PAGE_MAX };
    for await (const page of paginateDescribeInstances({ client: ec2 }, input))
      for (const instance of (page.Reservations ?? []).flatMap((reservation) => reservation.Instances ?? []))
        if (instance.InstanceId !== undefined) machines.push([instance.InstanceId, machineOf(instance)]);
    return machines;
  });
}

/** Run Command. */
function commands({ ssm, ssmOnce }: LifecycleClients) {
  return {
    /** The command that was sent to the instance under this comment, if SSM knows one. */
    async findCommand(instanceId: string, comment: string): Promise<string | undefined> {
      const answer = await callAws(`list the commands of ${instanceId}`, () =>
        ssm.send(new ListCommandsCommand({ InstanceId: instanceId, MaxResults: COMMANDS_MAX })),
      );
      return answer.Commands?.find((command) => command.Comment === comment)?.CommandId;
    },
    /** A command that has only just been sent may not be visible yet: it counts as running. */
    async commandRun(instanceId: string, commandId: string): Promise<CommandRun> {
      try {
        const input = { CommandId: commandId, InstanceId: instanceId };
        return runOf(commandId, await ssm.send(new GetCommandInvocationCommand(input)));
      } catch (error) {
        if (awsErrorName(error) === "InvocationDoesNotExist") return { commandId, state: "running", output: "" };
        return callAws(`read command ${commandId} on ${instanceId}`, () => Promise.reject(error));
      }
    },
    /** Resolves to the command's id. A failure may have sent it all the same. An agent that is gone again is retriable. */
    async sendCommand(order: {
      readonly instanceId: string;
      readonly document: string;
      readonly parameters: Readonly<Record<string, string>>;
      readonly comment: string;
    }): Promise<string> {
      const answer = await callAws(`send ${order.document} to ${order.instanceId}`, () =>
        ssmOnce.send(
          new SendCommandCommand({
            DocumentName: order.document,
            InstanceIds: [order.instanceId],
            Parameters: Object.fromEntries(Object.entries(order.parameters).map(([name, value]) => [name, [value]])),
            Comment: order.comment,
            TimeoutSeconds: DELIVERY_SECONDS,
          }),
        ),
      ).catch(agentGone);
      const id = answer.Command?.CommandId;
      if (id === undefined)
        throw new TandemError("aws-failed", "SendCommand answered without a command id", {
          next: "look at the function's log",
        });
      return id;
    },
  };
}

/** What a group waits for. */
function hookActions({ autoScaling }: LifecycleClients) {
  return {
    /** False: Auto Scaling has nothing to extend (its ValidationError). */
    async heartbeat(hook: string, group: string, instanceId: string): Promise<boolean> {
      const input = { LifecycleHookName: hook, AutoScalingGroupName: group, InstanceId: instanceId };
      try {
        await autoScaling.send(new RecordLifecycleActionHeartbeatCommand(input));
        return true;
      } catch (error) {
        if (awsErrorName(error) === "ValidationError") return false;
        return callAws(`send a heartbeat for ${instanceId}`, () => Promise.reject(error));
      }
    },
    /** False: "No active Lifecycle Action found"; the instance's state says what that means. */
    async complete(hook: string, group: string, instanceId: string, result: "CONTINUE" | "ABANDON"): Promise<boolean> {
      const input = { LifecycleHookName: hook, AutoScalingGroupName: group, InstanceId: instanceId };
      try {
        await autoScaling.send(new CompleteLifecycleActionCommand({ ...input, LifecycleActionResult: result }));
        return true;
      } catch (error) {
        if (/no active lifecycle action/i.test(awsErrorMessage(error))) return false;
        return callAws(`complete ${hook} of ${instanceId} with ${result}`, () => Promise.reject(error));
      }
    },
  };
}

export type LifecycleAws = ReturnType<typeof lifecycleAws>;

/** A fact from a call: undefined is absent, a failure is unknown with its message. A broken invariant still throws. */
export async function factOf<T>(read: () => Promise<T | undefined>): Promise<Fact<T>> {
  try {
    const value = await read();
    return value === undefined ? absent : known(value);
  } catch (error) {
    if (error instanceof TandemError) return unknown(error.message);
    throw error;
  }
}

const groupOf = (group: AutoScalingGroup): Group => ({
  min: group.MinSize ?? 0,
  max: group.MaxSize ?? 0,
  desired: group.DesiredCapacity ?? 0,
  suspended: (group.SuspendedProcesses ?? []).flatMap((process) => process.ProcessName ?? []),
  targetGroups: group.TargetGroupARNs ?? [],
  hasWarmPool: group.WarmPoolConfiguration !== undefined,
  instances: (group.Instances ?? []).flatMap(instanceOf),
  ...templateOf(group.LaunchTemplate),
});

function instanceOf({
  InstanceId: id,
  LifecycleState: state,
  HealthStatus: health,
  LaunchTemplate: template,
}: AutoScalingInstance): GroupInstance[] {
  if (id === undefined) return [];
  return [{ id, lifecycleState: state ?? "", healthy: health?.toLowerCase() === "healthy", ...templateOf(template) }];
}

function templateOf(template: LaunchTemplateSpecification | undefined): Pick<GroupInstance, "template"> {
  const { LaunchTemplateId: id, Version: version } = template ?? {};
  return id === undefined || version === undefined ? {} : { template: { id, version } };
}

function agentGone(error: unknown): never {
  if (awsErrorName(error) !== "InvalidInstanceId") throw error;
  throw new TandemError("agent-not-online", awsErrorMessage(error), {
    next: "nothing: the command is sent when the agent has registered",
    retriable: true,
    cause: error,
  });
}

function machineOf(instance: Instance): Machine {
  const pid = Number(instance.Tags?.find((tag) => tag.Key === "tandem:pid")?.Value);
  const state = MACHINE_STATES.find((one) => one === instance.State?.Name) ?? "pending";
  return {
    state,
    launchedAt: instance.LaunchTime?.getTime() ?? 0,
    ...(instance.PrivateIpAddress === undefined ? {} : { address: instance.PrivateIpAddress }),
    // The tag outlives the process: a machine that is stopped has none.
    ...(Number.isInteger(pid) && pid > 0 && !isDead(state) ? { pid } : {}),
  };
}

const MACHINE_STATES: readonly MachineState[] = [
  "pending",
  "running",
  "shutting-down",
  "terminated",
  "stopping",
  "stopped",
];

/** https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html */
function runOf(commandId: string, run: GetCommandInvocationCommandOutput): CommandRun {
  const output = [run.StandardOutputContent, run.StandardErrorContent].filter((part) => part).join("\n");
  const finishedAt = Date.parse(run.ExecutionEndDateTime ?? "");
  const exitCode = run.ResponseCode;
  return {
    commandId,
    output,
    state: stateOf(run.Status ?? "", run.StatusDetails ?? ""),
    ...(exitCode === undefined || exitCode < 0 ? {} : { exitCode }),
    ...(Number.isNaN(finishedAt) ? {} : { finishedAt }),
  };
}

function stateOf(status: string, details: string): CommandRun["state"] {
  if (/Undeliverable|Delivery ?Timed ?Out|Terminated|InvalidPlatform|AccessDenied|Cancelled/i.test(details))
    return "undelivered";
  if (/Execution ?Timed ?Out/i.test(details)) return "timed-out";
  switch (status) {
    case "Success":
      return "success";
    case "Failed":
      return "failed";
    case "TimedOut":
      return "timed-out";
    case "Cancelled":
      return "undelivered";
    default:
      return "running";
  }
}
