import type {
  DescribeInstanceAttributeRequest,
  DescribeInstancesRequest,
  DescribeInstanceStatusRequest,
  GetConsoleOutputRequest,
  ModifyInstanceAttributeRequest,
  RebootInstancesRequest,
  RunInstancesRequest,
  StartInstancesRequest,
  StopInstancesRequest,
  TerminateInstancesRequest,
} from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import { groupsOf, type InstanceRow, type Power } from "./instance.ts";
import { changeView, describeInstances, describeInstanceStatus, reservationView } from "./instance-view.ts";
import { runInstances, type ProfileSource } from "./launch.ts";
import type { Ec2State } from "./state.ts";
import { required } from "./table.ts";

const USER_TERMINATION = {
  Code: "Client.UserInitiatedShutdown",
  Message: "Client.UserInitiatedShutdown: User initiated shutdown",
};

function rowsOf(state: Ec2State, ids: readonly string[] | undefined): InstanceRow[] {
  return required(ids, "InstanceId").map((id) => {
    if (!/^i-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id)) {
      throw new CloudError("InvalidInstanceID.Malformed", `Invalid id: "${id}"`);
    }
    return state.instances.get(id);
  });
}

/** All or none: the first instance that may not change refuses the whole call, as EC2 does within one zone. */
function changeAll(rows: readonly InstanceRow[], act: (row: InstanceRow) => void): object[] {
  return rows.map((row) => {
    const before = row.state;
    act(row);
    return changeView(row, before);
  });
}

function terminate(state: Ec2State, power: Power, input: TerminateInstancesRequest): object {
  const rows = rowsOf(state, input.InstanceIds);
  const held = rows.find((row) => row.terminationProtected);
  if (held !== undefined) {
    throw new CloudError(
      "OperationNotPermitted",
      `The instance '${held.id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
    );
  }
  return { TerminatingInstances: changeAll(rows, (row) => power.terminate(row, USER_TERMINATION)) };
}

function stop(state: Ec2State, power: Power, input: StopInstancesRequest): object {
  const rows = rowsOf(state, input.InstanceIds);
  const held = rows.find((row) => row.stopProtected);
  if (held !== undefined) {
    throw new CloudError(
      "OperationNotPermitted",
      `The instance '${held.id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.`,
    );
  }
  return { StoppingInstances: changeAll(rows, (row) => power.stop(row)) };
}

function describeAttribute(state: Ec2State, input: DescribeInstanceAttributeRequest): object {
  const [row] = rowsOf(state, [required(input.InstanceId, "InstanceId")]);
  if (row === undefined) return {};
  const values: Readonly<Record<string, object>> = {
    disableApiTermination: { DisableApiTermination: { Value: row.terminationProtected } },
    disableApiStop: { DisableApiStop: { Value: row.stopProtected } },
    instanceInitiatedShutdownBehavior: { InstanceInitiatedShutdownBehavior: { Value: row.shutdownBehavior } },
    instanceType: { InstanceType: { Value: row.instanceType } },
    userData: { UserData: { Value: Buffer.from(row.userData).toString("base64") } },
    groupSet: { Groups: groupsOf(state, row).map((GroupId) => ({ GroupId })) },
  };
  const value = values[required(input.Attribute, "Attribute")];
  if (value === undefined)
    throw new CloudError("InvalidParameterValue", `The attribute ${input.Attribute ?? ""} is not known here`);
  return { InstanceId: row.id, ...value };
}

async function modifyAttribute(state: Ec2State, power: Power, input: ModifyInstanceAttributeRequest): Promise<object> {
  const [row] = rowsOf(state, [required(input.InstanceId, "InstanceId")]);
  if (row === undefined) return {};
  const { InstanceInitiatedShutdownBehavior: behavior, Groups: groups } = input;
  const unknown = Object.entries(input).find(([name, value]) => value !== undefined && !MODIFIABLE.has(name));
  if (unknown !== undefined)
    throw new CloudError("InvalidParameterValue", `The attribute ${unknown[0]} cannot be modified here`);
  row.terminationProtected = input.DisableApiTermination?.Value ?? row.terminationProtected;
  row.stopProtected = input.DisableApiStop?.Value ?? row.stopProtected;
  if (behavior?.Value !== undefined) row.shutdownBehavior = behavior.Value === "terminate" ? "terminate" : "stop";
  if (groups !== undefined) {
    for (const id of groups) state.groups.get(id);
    for (const id of row.interfaces) state.interfaces.get(id).groups = [...groups];
    await power.refreshPorts(row);
  }
  return {};
}

const MODIFIABLE = new Set([
  "InstanceId",
  "DryRun",
  "DisableApiTermination",
  "DisableApiStop",
  "InstanceInitiatedShutdownBehavior",
  "Groups",
]);

function consoleOutput(state: Ec2State, input: GetConsoleOutputRequest): object {
  const [row] = rowsOf(state, [required(input.InstanceId, "InstanceId")]);
  const text = row?.machine?.consoleOutput() ?? row?.lastConsole ?? "";
  return {
    InstanceId: row?.id,
    Output: Buffer.from(text).toString("base64"),
    Timestamp: new Date(state.world.clock.now()),
  };
}

export const instanceOperations = (
  state: Ec2State,
  power: Power,
  profiles: ProfileSource,
): Record<string, Operation> => ({
  RunInstances(input: RunInstancesRequest) {
    const { reservationId, rows } = runInstances(state, power, profiles, input);
    return reservationView(state, reservationId, rows);
  },
  DescribeInstances: (input: DescribeInstancesRequest) => describeInstances(state, input),
  DescribeInstanceStatus: (input: DescribeInstanceStatusRequest) => describeInstanceStatus(state, input),
  TerminateInstances: (input: TerminateInstancesRequest) => terminate(state, power, input),
  /** Forced or not, a stop is a power cut: a sandbox has no init system that could shut down in order. */
  StopInstances: (input: StopInstancesRequest) => stop(state, power, input),
  StartInstances: (input: StartInstancesRequest) => ({
    StartingInstances: changeAll(rowsOf(state, input.InstanceIds), (row) => power.restart(row)),
  }),
  RebootInstances(input: RebootInstancesRequest) {
    for (const row of rowsOf(state, input.InstanceIds)) power.reboot(row);
    return {};
  },
  DescribeInstanceAttribute: (input: DescribeInstanceAttributeRequest) => describeAttribute(state, input),
  ModifyInstanceAttribute: (input: ModifyInstanceAttributeRequest) => modifyAttribute(state, power, input),
  GetConsoleOutput: (input: GetConsoleOutputRequest) => consoleOutput(state, input),
});
