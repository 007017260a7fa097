import type * as Sdk from "@aws-sdk/client-lambda";
import { CloudError } from "../../errors.ts";
import type { Operation, World } from "../../service.ts";
import { invalid, required } from "../function.ts";
import type { Registry } from "../registry.ts";
import type { Mapping, MappingSettings, QueueAccess } from "./mapping.ts";
import { startPolling, type PollerParts } from "./poller.ts";

/** Mappings of one world; a farm has a handful. */
const MAPPINGS_MAX = 200;
/** Documented for standard queues; a batch of more than ten needs a window of at least a second. */
const BATCH = { min: 1, max: 10_000, default: 10, withoutWindowMax: 10 } as const;
const WINDOW_SECONDS_MAX = 300;
const CONCURRENCY = { min: 2, max: 1_000 } as const;
/** From Creating, Updating or Enabling to what was asked for; seconds on AWS. */
const SETTLE_MS = 1_000;

const SETTINGS = [
  "FunctionName",
  "BatchSize",
  "MaximumBatchingWindowInSeconds",
  "Enabled",
  "FunctionResponseTypes",
  "ScalingConfig",
];
/** What a poller needs of the function's role, as AWS checks it when a mapping is made. */
const NEEDED = ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];

type Input = Sdk.CreateEventSourceMappingCommandInput | Sdk.UpdateEventSourceMappingCommandInput;

export interface EventSources {
  readonly operations: Record<string, Operation>;
  mappingOf(arn: string): Mapping | undefined;
  close(): void;
}

export function openEventSources(world: World, parts: PollerParts & { readonly registry: Registry }): EventSources {
  const mappings = new Map<string, Mapping>();
  const named = (id: string | undefined): Mapping => {
    const mapping = mappings.get(required(id, "UUID"));
    if (mapping === undefined)
      throw new CloudError("ResourceNotFoundException", "The resource you requested does not exist.", 404, {
        Type: "User",
      });
    return mapping;
  };
  /** Polls anew, with the settings as they are now. */
  const restart = (mapping: Mapping): void => {
    mapping.stop();
    mapping.modifiedAt = world.clock.now();
    mapping.stop = mapping.settings.enabled ? startPolling(world, parts, mapping) : () => undefined;
  };
  const operations: Record<string, Operation> = {
    async CreateEventSourceMapping(input: Sdk.CreateEventSourceMappingCommandInput) {
      refuseUnknown(input, ["EventSourceArn", "Tags", ...SETTINGS]);
      const queueArn = queueOf(input.EventSourceArn);
      const settings = settingsOf(parts.registry, input, undefined);
      refuseSecond(mappings.values(), queueArn, settings.functionArn);
      if (mappings.size >= MAPPINGS_MAX) throw invalid(`at most ${MAPPINGS_MAX} event source mappings`);
      await checkQueue(parts, queueArn, settings);
      const mapping = newMapping(world, queueArn, settings, { ...input.Tags });
      mappings.set(mapping.id, mapping);
      restart(mapping);
      return { ...shown(world, mapping), State: "Creating" };
    },
    GetEventSourceMapping: (input: Sdk.GetEventSourceMappingCommandInput) => shown(world, named(input.UUID)),
    ListEventSourceMappings(input: Sdk.ListEventSourceMappingsCommandInput) {
      const arn = input.FunctionName === undefined ? undefined : parts.registry.resolve(input.FunctionName).arn;
      const found = [...mappings.values()].filter(
        ({ queueArn, settings }) =>
          (input.EventSourceArn ?? queueArn) === queueArn && (arn ?? settings.functionArn) === settings.functionArn,
      );
      return { EventSourceMappings: found.map((mapping) => shown(world, mapping)) };
    },
    async UpdateEventSourceMapping(input: Sdk.UpdateEventSourceMappingCommandInput) {
      refuseUnknown(input, ["UUID", ...SETTINGS]);
      const mapping = named(input.UUID);
      const settings = settingsOf(parts.registry, input, mapping.settings);
      await checkQueue(parts, mapping.queueArn, settings);
      mapping.settings = settings;
      restart(mapping);
      return { ...shown(world, mapping), State: "Updating" };
    },
    DeleteEventSourceMapping(input: Sdk.DeleteEventSourceMappingCommandInput) {
      const mapping = named(input.UUID);
      mapping.stop();
      mappings.delete(mapping.id);
      return { ...shown(world, mapping), State: "Deleting" };
    },
  };
  return {
    operations,
    mappingOf: (arn) => [...mappings.values()].find((mapping) => mapping.arn === arn),
    close() {
      for (const mapping of mappings.values()) mapping.stop();
    },
  };
}

/** AWS polls a queue once for a function. */
function refuseSecond(mappings: Iterable<Mapping>, queueArn: string, functionArn: string): void {
  for (const other of mappings)
    if (other.queueArn === queueArn && other.settings.functionArn === functionArn)
      throw new CloudError(
        "ResourceConflictException",
        `An event source mapping with SQS arn (" ${queueArn} ") and function (" ${functionArn} ") already exists. Please update or delete the existing mapping with UUID ${other.id}`,
        409,
        { Type: "User" },
      );
}

function newMapping(world: World, queueArn: string, settings: MappingSettings, tags: Record<string, string>): Mapping {
  const id = world.ids.uuid();
  return {
    id,
    arn: `arn:aws:lambda:${world.region}:${world.account}:event-source-mapping:${id}`,
    queueArn,
    settings,
    tags,
    modifiedAt: world.clock.now(),
    lastResult: "No records processed",
    stop: () => undefined,
  };
}

function refuseUnknown(input: object, known: readonly string[]): void {
  const unknown = Object.entries(input).find(
    ([name, value]) => value !== undefined && !known.includes(name) && !isEmpty(value),
  );
  if (unknown !== undefined) throw invalid(`${unknown[0]} is not known to the embedded cloud's event source mappings`);
}

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.values(value).every((one) => one === undefined);

function queueOf(arn: string | undefined): string {
  const given = required(arn, "EventSourceArn");
  if (/^arn:aws:sqs:[a-z0-9-]+:\d{12}:[\w-]{1,80}$/.test(given)) return given;
  throw invalid(`EventSourceArn ${given}: the embedded cloud knows standard SQS queues as event sources`);
}

function settingsOf(registry: Registry, input: Input, before: MappingSettings | undefined): MappingSettings {
  const settings: MappingSettings = {
    functionArn:
      input.FunctionName === undefined && before !== undefined
        ? before.functionArn
        : registry.resolve(required(input.FunctionName, "FunctionName")).arn,
    batchSize: input.BatchSize ?? before?.batchSize ?? BATCH.default,
    windowSeconds: input.MaximumBatchingWindowInSeconds ?? before?.windowSeconds ?? 0,
    concurrencyMax: input.ScalingConfig === undefined ? before?.concurrencyMax : input.ScalingConfig.MaximumConcurrency,
    reportsItemFailures:
      input.FunctionResponseTypes === undefined
        ? (before?.reportsItemFailures ?? false)
        : input.FunctionResponseTypes.includes("ReportBatchItemFailures"),
    enabled: input.Enabled ?? before?.enabled ?? true,
  };
  checkBounds(settings);
  return settings;
}

function checkBounds({ batchSize, windowSeconds, concurrencyMax }: MappingSettings): void {
  if (batchSize < BATCH.min || batchSize > BATCH.max)
    throw invalid(`BatchSize ${batchSize}: must be between ${BATCH.min} and ${BATCH.max}`);
  if (windowSeconds < 0 || windowSeconds > WINDOW_SECONDS_MAX)
    throw invalid(`MaximumBatchingWindowInSeconds ${windowSeconds}: must be between 0 and ${WINDOW_SECONDS_MAX}`);
  if (batchSize > BATCH.withoutWindowMax && windowSeconds === 0)
    throw invalid(
      `Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than ${BATCH.withoutWindowMax}`,
    );
  if (concurrencyMax !== undefined && (concurrencyMax < CONCURRENCY.min || concurrencyMax > CONCURRENCY.max))
    throw invalid(`MaximumConcurrency ${concurrencyMax}: must be between ${CONCURRENCY.min} and ${CONCURRENCY.max}`);
}

/** AWS refuses a mapping that could never work: no rights, no queue, or messages that come again while they are worked on. */
async function checkQueue(
  parts: PollerParts & { readonly registry: Registry },
  queueArn: string,
  settings: MappingSettings,
): Promise<void> {
  const { queues, registry } = parts;
  const role = parts.roleOf(settings.functionArn);
  for (const operation of NEEDED) requireRight(queues, role, operation, queueArn);
  const visibility = await visibilitySeconds(queues, role, queueArn);
  const { timeoutSeconds } = registry.resolve(settings.functionArn).version.settings;
  if (visibility < timeoutSeconds)
    throw invalid(
      `Queue visibility timeout: ${visibility} seconds is less than Function timeout: ${timeoutSeconds} seconds`,
    );
}

function requireRight(queues: QueueAccess, role: string, operation: string, queueArn: string): void {
  try {
    queues.require(role, operation, queueArn);
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    throw invalid(
      `The provided execution role does not have permissions to call ${operation} on SQS: ${error.message}`,
    );
  }
}

async function visibilitySeconds(queues: QueueAccess, role: string, queueArn: string): Promise<number> {
  try {
    const { Attributes } = await queues.call(role, "GetQueueAttributes", {
      QueueUrl: queues.urlOf(queueArn),
      AttributeNames: ["VisibilityTimeout"],
    });
    return Number(Object(Attributes).VisibilityTimeout);
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    throw invalid(`Error occurred while GetQueueAttributes. SQS Error Code: ${error.code}. ${error.message}`);
  }
}

function shown(world: World, mapping: Mapping): Sdk.EventSourceMappingConfiguration {
  const { settings } = mapping;
  const isSettled = world.clock.now() >= mapping.modifiedAt + SETTLE_MS;
  const [during, after] = settings.enabled ? ["Enabling", "Enabled"] : ["Disabling", "Disabled"];
  return {
    UUID: mapping.id,
    EventSourceMappingArn: mapping.arn,
    EventSourceArn: mapping.queueArn,
    FunctionArn: settings.functionArn,
    BatchSize: settings.batchSize,
    MaximumBatchingWindowInSeconds: settings.windowSeconds,
    FunctionResponseTypes: settings.reportsItemFailures ? ["ReportBatchItemFailures"] : [],
    ...(settings.concurrencyMax === undefined
      ? {}
      : { ScalingConfig: { MaximumConcurrency: settings.concurrencyMax } }),
    State: isSettled ? after : during,
    StateTransitionReason: "USER_INITIATED",
    LastModified: new Date(mapping.modifiedAt),
    LastProcessingResult: mapping.lastResult,
  };
}
