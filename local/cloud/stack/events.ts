import type { ResourceStatus, StackStatus } from "@aws-sdk/client-cloudformation";
import type { World } from "../service.ts";
import type { Stack, StackResource } from "./record.ts";

/** Events kept per stack: AWS keeps them for 90 days; here a stack is redeployed for days at most. */
const EVENTS_MAX = 20_000;

export interface Happening {
  readonly logicalId: string;
  readonly physicalId: string;
  readonly type: string;
  readonly status: ResourceStatus;
  readonly reason?: string | undefined;
}

/** Appends one event; the stack's events tell the story of every operation in order. */
export function record(world: World, stack: Stack, happening: Happening): void {
  stack.events.push({
    StackId: stack.id,
    StackName: stack.name,
    EventId: `${happening.logicalId}-${happening.status}-${world.ids.uuid()}`,
    LogicalResourceId: happening.logicalId,
    PhysicalResourceId: happening.physicalId,
    ResourceType: happening.type,
    ResourceStatus: happening.status,
    Timestamp: new Date(world.clock.now()),
    ...(happening.reason === undefined ? {} : { ResourceStatusReason: happening.reason }),
  });
  if (stack.events.length > EVENTS_MAX) stack.events.shift();
}

/** Puts the stack into `status` and says so in its events. */
export function enter(world: World, stack: Stack, status: StackStatus, reason?: string): void {
  stack.status = status;
  delete stack.statusReason;
  if (reason !== undefined) stack.statusReason = reason;
  world.note(`stack ${stack.name}: ${status}${reason === undefined ? "" : `: ${reason}`}`);
  stack.events.push({
    StackId: stack.id,
    StackName: stack.name,
    EventId: world.ids.uuid(),
    LogicalResourceId: stack.name,
    PhysicalResourceId: stack.id,
    ResourceType: "AWS::CloudFormation::Stack",
    // The SDK's ResourceStatus has no member for the clean-up states that a stack's own events carry.
    ResourceStatus: resourceStatusOf(status),
    Timestamp: new Date(world.clock.now()),
    ...(reason === undefined ? {} : { ResourceStatusReason: reason }),
  });
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one text on the wire; only the SDK's two enumerations differ
const resourceStatusOf = (status: StackStatus): ResourceStatus => status as ResourceStatus;

/** Notes a resource's status in its record and in the events. */
export function mark(
  world: World,
  stack: Stack,
  resource: StackResource,
  status: ResourceStatus,
  reason?: string,
): StackResource {
  const { statusReason: _before, ...rest } = resource;
  record(world, stack, { ...resource, status, reason });
  return { ...rest, status, at: world.clock.now(), ...(reason === undefined ? {} : { statusReason: reason }) };
}
