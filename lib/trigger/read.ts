import * as z from "zod/mini";
import { allowed } from "../allowed.ts";
import { TandemError } from "../errors.ts";
import type { Announcement } from "../lifecycle/notice.ts";
import { instanceIdSchema } from "../reconcile/scope-schema.ts";
import {
  alarmCall,
  alarmChange,
  alarmMessage,
  commandStatus,
  envelope,
  healthEvent,
  healthService,
  instanceState,
  lifecycleAction,
  rebalance,
  spotWarning,
  testNotification,
} from "./schemas.ts";
import { badEvent, ignored, look, scopeOfAlarm, scopeOfGroup, type FarmNames, type Trigger } from "./trigger.ts";
import { unwrap } from "./unwrap.ts";

/** `account`: of the envelope, absent in an event that has none. */
type Parse = (detail: unknown, kind: string, farm: FarmNames, account?: string) => Trigger | readonly Trigger[];

/** By `source` and `detail-type`. What is not here is somebody else's, or of a later version: acknowledged and counted. */
const KINDS: Readonly<Record<string, Parse>> = {
  "aws.autoscaling/EC2 Instance-launch Lifecycle Action": readLifecycle,
  "aws.autoscaling/EC2 Instance-terminate Lifecycle Action": readLifecycle,
  "aws.ec2/EC2 Instance State-change Notification": readInstanceState,
  "aws.ec2/EC2 Spot Instance Interruption Warning": readSpotWarning,
  "aws.ec2/EC2 Instance Rebalance Recommendation": readRebalance,
  "aws.health/AWS Health Event": readHealth,
  "aws.ssm/EC2 Command Invocation Status-change Notification": readCommandStatus,
  "aws.ssm/EC2 Command Status-change Notification": () => ignored("the command names no instance: its invocations do"),
  "aws.cloudwatch/CloudWatch Alarm State Change": readAlarm,
  "aws.events/Scheduled Event": (_detail, kind) => look("web", kind),
};

/**
 * What one event asks for, one thing or one for each instance that it names: an EventBridge envelope, an alarm that calls the function itself, or the flat form that
 * Auto Scaling and CloudWatch send through SNS and SQS (unwrapped).
 * @throws TandemError `bad-event`, which says what is wrong where
 */
export function readTrigger(event: unknown, farm: FarmNames): Trigger | readonly Trigger[] {
  if (typeof event !== "object" || event === null || Array.isArray(event))
    throw badEvent(`the event is ${describe(event)}, expected is a JSON object`);
  if ("alarmData" in event) return readAlarm(parse(alarmCall, event, "alarm event").alarmData, "alarm", farm);
  if ("detail-type" in event) return readEnvelope(event, farm);
  if ("LifecycleTransition" in event) return readLifecycle(event, "lifecycle message", farm);
  if ("Event" in event && testNotification.safeParse(event).success)
    return ignored("a test notification of Auto Scaling");
  if ("AlarmName" in event) {
    const { AlarmName, NewStateValue } = parse(alarmMessage, event, "alarm message");
    return readAlarm({ alarmName: AlarmName, state: { value: NewStateValue } }, "alarm message", farm);
  }
  throw badEvent("the event has neither a detail-type nor alarmData, LifecycleTransition, AlarmName or Records");
}

/**
 * What every event inside asks for: one, or each of the records that SNS or SQS brings. A record that is wrong is
 * `rejected` and the others go on; nothing is thrown, because the same bytes would fail again.
 */
export function readTriggers(event: unknown, farm: FarmNames): readonly Trigger[] {
  return unwrap(event).flatMap((one): Trigger | readonly Trigger[] => {
    try {
      return readTrigger(one(), farm);
    } catch (error) {
      if (error instanceof TandemError && error.code === "bad-event") return { kind: "rejected", error };
      throw error;
    }
  });
}

function readEnvelope(event: object, farm: FarmNames): Trigger | readonly Trigger[] {
  const { source, detail, account, "detail-type": type } = parse(envelope, event, "event");
  const kind = `${source}/${type}`;
  const read = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  return read === undefined ? ignored(`unknown kind of event: ${shortened(kind)}`) : read(detail, type, farm, account);
}

function readLifecycle(detail: unknown, kind: string, farm: FarmNames): Trigger {
  const { AutoScalingGroupName: group, EC2InstanceId: id, LifecycleTransition } = parse(lifecycleAction, detail, kind);
  const scope = scopeOfGroup(farm, group, id);
  if (scope === undefined) return ignored(`not ours: Auto Scaling group ${group}`);
  return look(scope, `${LifecycleTransition.replace("autoscaling:EC2_INSTANCE_", "").toLowerCase()} ${id}`);
}

function readInstanceState(detail: unknown, kind: string): Trigger {
  const { "instance-id": instanceId, state } = parse(instanceState, detail, kind);
  return { kind: "locate", instanceId, cause: `${instanceId} is ${state}` };
}

const announce = (instanceId: string, announced: Announcement): Trigger => ({
  kind: "locate",
  instanceId,
  cause: `${announced.detail}: ${instanceId}`,
  announced,
});

/** From the warning on; that time and not the event's own counts, for a late one is as urgent. */
const SPOT_MS = 120_000;

function readSpotWarning(detail: unknown, kind: string): Trigger {
  const { "instance-id": instanceId, "instance-action": action } = parse(spotWarning, detail, kind);
  return announce(instanceId, {
    id: "spot-warning",
    detail: `EC2 takes the Spot instance back (${action})`,
    ends: { inMs: SPOT_MS },
  });
}

function readRebalance(detail: unknown, kind: string): Trigger {
  const { "instance-id": instanceId } = parse(rebalance, detail, kind);
  return announce(instanceId, { id: "rebalance", detail: "EC2 may soon take the Spot instance back (rebalance)" });
}

/** What befalls single instances. An investigation, a notice to the account or what is over already asks for nothing. */
const HEALTH_CATEGORIES = ["scheduledChange", "issue"];

function readHealth(detail: unknown, kind: string, _farm: FarmNames, account = ""): Trigger | readonly Trigger[] {
  const { service } = parse(healthService, detail, kind);
  if (service !== "EC2") return ignored(`AWS Health tells of ${service ?? "no service"}`);
  const event = parse(healthEvent, detail, kind);
  const { eventTypeCode: code, eventTypeCategory: category, statusCode } = event;
  if (!HEALTH_CATEGORIES.includes(category) || statusCode === "closed")
    return ignored(`AWS Health: ${code} is ${statusCode === "closed" ? "over" : category}`);
  const ids = new Set(event.affectedEntities.map(({ entityValue }) => entityValue).filter(isInstanceId));
  if (ids.size === 0) return ignored(`AWS Health: ${code} names no instance`);
  const startsAt = Date.parse(event.startTime ?? "");
  const announced: Announcement = {
    id: `${event.communicationId ?? event.eventArn}@${account}`,
    detail: `AWS Health announces ${code}`,
    ...(Number.isNaN(startsAt) ? {} : { ends: { at: startsAt } }),
  };
  return [...ids].map((instanceId) => announce(instanceId, announced));
}

const isInstanceId = (text: string): boolean => instanceIdSchema.safeParse(text).success;

function readCommandStatus(detail: unknown, kind: string, farm: FarmNames): Trigger {
  const { "document-name": document, "instance-id": instanceId, status } = parse(commandStatus, detail, kind);
  if (document !== farm.documents.launch && document !== farm.documents.drain)
    return ignored(`not ours: document ${document}`);
  return { kind: "locate", instanceId, cause: `${document} on ${instanceId}: ${status}` };
}

function readAlarm(detail: unknown, kind: string, farm: FarmNames): Trigger {
  const { alarmName, state } = parse(alarmChange, detail, kind);
  const scope = scopeOfAlarm(farm, alarmName);
  return scope === undefined
    ? ignored(`not ours: alarm ${alarmName}`)
    : look(scope, `alarm ${alarmName} is ${state.value}`);
}

function parse<T extends z.core.$ZodType>(schema: T, given: unknown, what: string): z.output<T> {
  const read = z.safeParse(schema, given);
  if (read.success) return read.data;
  const wrong = read.error.issues.slice(0, ISSUES_MAX).map((issue) => {
    const at = issue.path.map(String);
    return `${at.join(".") || "the whole"} is ${describe(valueAt(given, at))}, allowed is ${shortened(allowed(issue))}`;
  });
  throw badEvent(`${what}: ${wrong.join("; ")}`);
}

/** An error message is for reading: of a thing with everything wrong the first few faults are enough. */
const ISSUES_MAX = 5;
const SHOWN_MAX = 80;

const shortened = (text: string): string =>
  text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}... (${text.length} characters)`;

function describe(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object") return "an object";
  return `${typeof value} ${shortened(JSON.stringify(value))}`;
}

const valueAt = (root: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined), root);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
