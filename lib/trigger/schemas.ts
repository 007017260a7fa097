import * as z from "zod/mini";
import { instanceIdSchema } from "../reconcile/scope-schema.ts";

/**
 * The events that Tandem understands, by what it reads of them; whatever else they carry is passed over, because AWS
 * adds members without notice. Each has a sample in `events/`.
 */

/** AWS names are at most 255 characters long; more is not one. */
const name = z.string().check(z.minLength(1), z.maxLength(255));

/**
 * A machine waits in a hook; from EventBridge as `detail`, from SNS and SQS as the message itself.
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/prepare-for-lifecycle-notifications.html
 */
export const lifecycleAction = z.object({
  AutoScalingGroupName: name,
  EC2InstanceId: instanceIdSchema,
  LifecycleHookName: name,
  LifecycleTransition: z.enum(["autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"]),
});

/** What a group sends to SNS or SQS once, when a hook is made. */
export const testNotification = z.object({ Event: z.literal("autoscaling:TEST_NOTIFICATION") });

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html */
export const instanceState = z.object({
  "instance-id": instanceIdSchema,
  state: z.enum(["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]),
});

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html */
export const spotWarning = z.object({
  "instance-id": instanceIdSchema,
  "instance-action": z.enum(["hibernate", "stop", "terminate"]),
});

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html */
export const rebalance = z.object({ "instance-id": instanceIdSchema });

/** Health tells of more instances than one page has in further events. */
const ENTITIES_MAX = 250;

/** Health tells of every service; what it says of another one is not read. */
export const healthService = z.object({ service: z.optional(name) });

/**
 * What AWS Health says of EC2, perhaps of no instance in particular. It is sent again whenever its text
 * changes; what is the same has the same communication.
 * https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
 */
export const healthEvent = z.object({
  eventArn: name,
  eventTypeCode: name,
  eventTypeCategory: name,
  communicationId: z.optional(name),
  /** As RFC 1123 writes it: `Fri, 27 Nov 2026 06:00:00 GMT`. */
  startTime: z.optional(z.string()),
  statusCode: z.optional(z.string()),
  affectedEntities: z._default(z.array(z.object({ entityValue: z.string() })).check(z.maxLength(ENTITIES_MAX)), []),
});

/** https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html */
export const commandStatus = z.object({
  "document-name": name,
  "instance-id": instanceIdSchema,
  status: name,
});

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html */
export const alarmChange = z.object({ alarmName: name, state: z.object({ value: name }) });

/** An alarm whose action is the function: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html */
export const alarmCall = z.object({ source: z.literal("aws.cloudwatch"), alarmArn: name, alarmData: alarmChange });

/** An alarm whose action is an SNS topic. */
export const alarmMessage = z.object({ AlarmName: name, NewStateValue: name });

/** What every event on a bus has; some samples of AWS leave out `version`. */
export const envelope = z.object({
  source: name,
  "detail-type": name,
  account: z.optional(name),
  detail: z.record(z.string(), z.unknown()),
});

/** One record of what SNS or SQS brings. The event is inside, as JSON text. */
export const snsRecord = z.object({ Sns: z.object({ Message: z.string() }) });
export const sqsRecord = z.object({ body: z.string() });
/** SQS subscribed to SNS: the body is the notification. */
export const snsInSqs = z.object({ Type: z.literal("Notification"), Message: z.string() });
