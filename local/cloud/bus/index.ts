import type * as Sdk from "@aws-sdk/client-eventbridge";
import { CloudError } from "../errors.ts";
import { noBusFaults, type BusFaults } from "../faults/index.ts";
import type { Service, World } from "../service.ts";
import { openDeliveries, type DeliverySources } from "./delivery.ts";
import type { Envelope, Rule } from "./rule.ts";
import { refuseOtherBus, ruleOperations } from "./rules.ts";
import { compilePattern } from "./pattern.ts";

/** Documented: entries of one PutEvents, and bytes of one event. */
const ENTRIES_MAX = 10;
const EVENT_BYTES_MAX = 1024 * 1024;

/** Timers of some clocks cannot wait longer than 2^31 ms; a schedule further away is looked at again after a day. */
const SLEEP_MS_MAX = 86_400_000;

export interface AwsEvent {
  /** e.g. `aws.autoscaling`. */
  readonly source: string;
  readonly detailType: string;
  readonly detail: unknown;
  readonly resources?: readonly string[];
}

export interface EventBus {
  readonly service: Service;
  /** Publishes an event of a service of the cloud; version, id, account, time and region are added. */
  emit(event: AwsEvent): void;
  /** Puts a full envelope on the default bus unchanged, also one of a source `aws.*`. Throws ValidationException when it is no envelope. */
  deliver(envelope: unknown): void;
}

/** The default event bus of one account; other buses are refused by name. */
export function openEventBridge(world: World, sources: DeliverySources, faults: BusFaults = noBusFaults): EventBus {
  const rules = new Map<string, Rule>();
  const deliveries = openDeliveries(world, sources);

  const publish = (event: unknown): void => faults.event(sourceOf(event), () => match(event));
  const match = (event: unknown): void => {
    for (const rule of rules.values()) {
      if (rule.enabled && rule.pattern?.match(event) === true)
        for (const target of rule.targets.values()) deliveries.start(rule, target, event);
    }
  };
  const wrap = (event: AwsEvent, time?: number): Envelope => envelopeOf(world, event, time ?? world.clock.now());
  const schedules = openSchedules(world, (rule, at) => {
    const scheduled = { source: "aws.events", detailType: "Scheduled Event", detail: {}, resources: [rule.arn] };
    const event = wrap(scheduled, at);
    for (const target of rule.targets.values()) deliveries.start(rule, target, event);
  });

  return {
    service: {
      id: "events",
      operations: {
        ...ruleOperations(world, rules, schedules.arm),
        PutEvents: (input: Sdk.PutEventsCommandInput) =>
          putEvents(input, (event, time) => {
            const envelope = wrap(event, time);
            publish(envelope);
            return envelope.id;
          }),
        TestEventPattern: (input: Sdk.TestEventPatternCommandInput) => ({
          Result: compilePattern(input.EventPattern ?? "")(eventOf(input.Event ?? "")),
        }),
        DescribeEventBus(input: Sdk.DescribeEventBusCommandInput) {
          refuseOtherBus(input.Name);
          return { Name: "default", Arn: busArn(world) };
        },
        ListEventBuses: () => ({ EventBuses: [{ Name: "default", Arn: busArn(world) }] }),
      },
      resourceOf(operation, input) {
        if (operation === "PutEvents" || operation.includes("EventBus")) return busArn(world);
        if (typeof input["ResourceARN"] === "string") return input["ResourceARN"];
        const name = input["Rule"] ?? (operation.endsWith("Rule") ? input["Name"] : undefined);
        return typeof name === "string" ? `arn:aws:events:${world.region}:${world.account}:rule/${name}` : "*";
      },
      async close() {
        schedules.close(rules.values());
        deliveries.close();
      },
    },
    emit: (event) => publish(wrap(event)),
    deliver(envelope) {
      const event: Record<string, unknown> = Object(envelope);
      const lacking = ["source", "detail-type", "detail"].filter((member) => event[member] === undefined);
      if (lacking.length > 0) throw new CloudError("ValidationException", `the envelope lacks ${lacking.join(", ")}`);
      publish(envelope);
    },
  };
}

function envelopeOf(world: World, event: AwsEvent, time: number): Envelope {
  return {
    version: "0",
    id: world.ids.uuid(),
    "detail-type": event.detailType,
    source: event.source,
    account: world.account,
    time: `${new Date(time).toISOString().slice(0, 19)}Z`,
    region: world.region,
    resources: event.resources ?? [],
    detail: event.detail,
  };
}

interface Schedules {
  /** Starts or stops a rule's schedule after the rule has changed. */
  arm(rule: Rule): void;
  close(rules: Iterable<Rule>): void;
}

/** Calls `fire` at every time of a rule's schedule while the rule is enabled. */
function openSchedules(world: World, fire: (rule: Rule, at: number) => void): Schedules {
  let closed = false;
  const arm = (rule: Rule, startedAt: number): void => {
    rule.timer?.cancel();
    rule.timer = undefined;
    const now = world.clock.now();
    const at = rule.enabled && !closed ? rule.schedule?.next(now, startedAt) : undefined;
    if (at === undefined) return;
    rule.timer = world.clock.after(Math.min(at - now, SLEEP_MS_MAX), () => {
      if (world.clock.now() >= at) fire(rule, at);
      arm(rule, startedAt);
    });
  };
  return {
    arm: (rule) => arm(rule, world.clock.now()),
    close(rules) {
      closed = true;
      for (const rule of rules) rule.timer?.cancel();
    },
  };
}

const sourceOf = (event: unknown): string =>
  typeof event === "object" && event !== null && "source" in event ? String(event.source) : "";

const busArn = (world: World): string => `arn:aws:events:${world.region}:${world.account}:event-bus/default`;

function eventOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CloudError("ValidationException", "Event is not valid JSON.");
  }
}

/** Every entry succeeds or fails by itself; `put` returns the event's id. */
function putEvents(
  input: Sdk.PutEventsCommandInput,
  put: (event: AwsEvent, time: number | undefined) => string,
): unknown {
  const entries = input.Entries ?? [];
  if (entries.length === 0 || entries.length > ENTRIES_MAX)
    throw new CloudError("ValidationException", `${entries.length} entries, 1 to ${ENTRIES_MAX} are allowed`);
  const Entries = entries.map((entry) => {
    try {
      return { EventId: put(entryEvent(entry), entry.Time?.getTime()) };
    } catch (error) {
      if (!(error instanceof CloudError)) throw error;
      return { ErrorCode: error.code, ErrorMessage: error.message };
    }
  });
  return { FailedEntryCount: Entries.filter((entry) => "ErrorCode" in entry).length, Entries };
}

function entryEvent(entry: Sdk.PutEventsRequestEntry): AwsEvent {
  refuseOtherBus(entry.EventBusName);
  const { Source: source, DetailType: detailType, Detail: text } = entry;
  if (!source || !detailType || !text)
    throw new CloudError(
      "InvalidArgument",
      "Parameter Source, DetailType or Detail is not valid. Reason: it is required.",
    );
  if (source.startsWith("aws."))
    throw new CloudError("NotAuthorizedForSourceException", "Not authorized for the source.");
  if (Buffer.byteLength(text) > EVENT_BYTES_MAX)
    throw new CloudError("InvalidArgument", `Detail is larger than ${EVENT_BYTES_MAX} bytes.`);
  let detail: unknown;
  try {
    detail = JSON.parse(text);
  } catch {
    throw new CloudError("MalformedDetail", "Detail is malformed.");
  }
  if (typeof detail !== "object" || detail === null || Array.isArray(detail))
    throw new CloudError("MalformedDetail", "Detail is malformed.");
  return { source, detailType, detail, resources: entry.Resources ?? [] };
}
