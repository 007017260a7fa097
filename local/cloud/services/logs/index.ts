import type * as Sdk from "@aws-sdk/client-cloudwatch-logs";
import { CloudError } from "../../errors.ts";
import type { Operation, Service, World } from "../../service.ts";
import { embeddedMetrics, type EmbeddedMetric } from "./embedded-metrics.ts";
import { filterFrom } from "./filter.ts";
import {
  append,
  GROUPS_MAX,
  newGroup,
  newStream,
  prune,
  type LogEvent,
  type LogGroup,
  type LogStream,
} from "./group.ts";

/** Documented: most events of one answer, and of one PutLogEvents. */
const EVENTS_PER_PAGE_MAX = 10_000;
const EVENTS_PER_PUT_MAX = 10_000;
/** Documented for PutRetentionPolicy. */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly message: string;
}

export interface Logs {
  readonly service: Service;
  /** Writes lines of another service of the cloud; group and stream are created when missing, as Lambda does. */
  write(group: string, stream: string, lines: readonly LogLine[]): void;
}

type Named = { logGroupName?: string | undefined; logGroupIdentifier?: string | undefined };

const nameOf = (given: string): string => /:log-group:([^:]+)/.exec(given)?.[1] ?? given;

export function openLogs(world: World, record: (metric: EmbeddedMetric) => void = () => undefined): Logs {
  const groups = new Map<string, LogGroup>();
  const arnOf = (name: string): string => `arn:aws:logs:${world.region}:${world.account}:log-group:${name}`;
  const of = (input: Named): LogGroup => {
    const group = groups.get(nameOf(required(input.logGroupName ?? input.logGroupIdentifier, "logGroupName")));
    if (group === undefined) throw missing("The specified log group does not exist.");
    prune(world, group);
    return group;
  };
  const create = (name: string): LogGroup => {
    if (!/^[.\-_/#A-Za-z0-9]{1,512}$/.test(name))
      throw invalid(`logGroupName ${name}: letters, digits and . - _ / # only`);
    if (groups.size >= GROUPS_MAX) throw new CloudError("LimitExceededException", `at most ${GROUPS_MAX} log groups`);
    const group = newGroup(world, name);
    groups.set(name, group);
    return group;
  };

  return {
    service: {
      id: "logs",
      operations: {
        ...groupOperations({ world, groups, of, create, arnOf }),
        ...streamOperations(world, of, arnOf),
        ...eventOperations(of),
      },
      resourceOf(_operation, input) {
        const given = input["logGroupName"] ?? input["logGroupIdentifier"] ?? input["resourceArn"];
        return typeof given === "string" ? arnOf(nameOf(given)) : "*";
      },
    },
    write(groupName, streamName, lines) {
      const group = groups.get(groupName) ?? create(groupName);
      append(world, group, group.streams.get(streamName) ?? newStream(world, group, streamName), lines);
      for (const { message } of lines) embeddedMetrics(message).forEach(record);
    },
  };
}

const missing = (message: string): CloudError => new CloudError("ResourceNotFoundException", message);
const invalid = (message: string): CloudError => new CloudError("InvalidParameterException", message);

function required<T>(value: T | undefined | null, member: string): T {
  if (value === undefined || value === null) throw invalid(`${member} is required`);
  return value;
}

interface GroupParts {
  readonly world: World;
  readonly groups: Map<string, LogGroup>;
  of(input: Named): LogGroup;
  create(name: string): LogGroup;
  arnOf(name: string): string;
}

const tag = (group: LogGroup, tags: Record<string, string> | undefined) => {
  group.tags = { ...group.tags, ...tags };
  return {};
};

const untag = (group: LogGroup, keys: readonly string[] | undefined) => {
  const gone = new Set(keys);
  group.tags = Object.fromEntries(Object.entries(group.tags).filter(([key]) => !gone.has(key)));
  return {};
};

function groupOperations({ world, groups, of, create, arnOf }: GroupParts): Record<string, Operation> {
  const shown = (group: LogGroup) => ({
    logGroupName: group.name,
    creationTime: group.createdAt,
    arn: `${arnOf(group.name)}:*`,
    logGroupArn: arnOf(group.name),
    metricFilterCount: 0,
    storedBytes: group.bytes,
    logGroupClass: "STANDARD",
    ...(group.retentionDays === undefined ? {} : { retentionInDays: group.retentionDays }),
    ...(group.kmsKeyId === undefined ? {} : { kmsKeyId: group.kmsKeyId }),
  });
  const tagged = (arn: string | undefined): LogGroup => of({ logGroupName: nameOf(required(arn, "resourceArn")) });
  return {
    CreateLogGroup(input: Sdk.CreateLogGroupCommandInput) {
      const name = required(input.logGroupName, "logGroupName");
      if (groups.has(name))
        throw new CloudError("ResourceAlreadyExistsException", "The specified log group already exists");
      const group = create(name);
      group.tags = { ...input.tags };
      group.kmsKeyId = input.kmsKeyId;
      return {};
    },
    DeleteLogGroup(input: Sdk.DeleteLogGroupCommandInput) {
      groups.delete(of(input).name);
      return {};
    },
    DescribeLogGroups(input: Sdk.DescribeLogGroupsCommandInput) {
      const fits = (name: string): boolean =>
        name.startsWith(input.logGroupNamePrefix ?? "") && name.includes(input.logGroupNamePattern ?? "");
      const all = [...groups.values()]
        .filter((group) => fits(group.name))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1));
      const [page, nextToken] = paged(all, input.nextToken, input.limit ?? 50);
      for (const group of page) prune(world, group);
      return { logGroups: page.map(shown), ...nextToken };
    },
    PutRetentionPolicy(input: Sdk.PutRetentionPolicyCommandInput) {
      const days = required(input.retentionInDays, "retentionInDays");
      if (!RETENTION_DAYS.includes(days))
        throw invalid(`retentionInDays ${days}: must be one of ${RETENTION_DAYS.join(", ")}`);
      of(input).retentionDays = days;
      return {};
    },
    DeleteRetentionPolicy(input: Sdk.DeleteRetentionPolicyCommandInput) {
      of(input).retentionDays = undefined;
      return {};
    },
    AssociateKmsKey(input: Sdk.AssociateKmsKeyCommandInput) {
      of(input).kmsKeyId = required(input.kmsKeyId, "kmsKeyId");
      return {};
    },
    DisassociateKmsKey(input: Sdk.DisassociateKmsKeyCommandInput) {
      of(input).kmsKeyId = undefined;
      return {};
    },
    ListTagsForResource: (input: Sdk.ListTagsForResourceCommandInput) => ({ tags: tagged(input.resourceArn).tags }),
    TagResource: (input: Sdk.TagResourceCommandInput) => tag(tagged(input.resourceArn), input.tags),
    UntagResource: (input: Sdk.UntagResourceCommandInput) => untag(tagged(input.resourceArn), input.tagKeys),
    ListTagsLogGroup: (input: Sdk.ListTagsLogGroupCommandInput) => ({ tags: of(input).tags }),
    TagLogGroup: (input: Sdk.TagLogGroupCommandInput) => tag(of(input), input.tags),
    UntagLogGroup: (input: Sdk.UntagLogGroupCommandInput) => untag(of(input), input.tags),
  };
}

/** A page from an offset that the token carries. */
function paged<T>(all: readonly T[], token: string | undefined, limit: number): [T[], { nextToken?: string }] {
  const from = token === undefined ? 0 : Number(token);
  if (!Number.isInteger(from) || from < 0) throw invalid(`The specified nextToken is invalid: ${token}`);
  const page = all.slice(from, from + limit);
  return [page, from + limit < all.length ? { nextToken: String(from + limit) } : {}];
}

function streamOperations(
  world: World,
  of: (input: Named) => LogGroup,
  arnOf: (name: string) => string,
): Record<string, Operation> {
  const shown = (group: LogGroup, stream: LogStream) => ({
    logStreamName: stream.name,
    creationTime: stream.createdAt,
    arn: `${arnOf(group.name)}:log-stream:${stream.name}`,
    storedBytes: 0, // AWS shows 0 since 2019
    uploadSequenceToken: "unused",
    ...(stream.firstEventAt === undefined ? {} : { firstEventTimestamp: stream.firstEventAt }),
    ...(stream.lastEventAt === undefined ? {} : { lastEventTimestamp: stream.lastEventAt }),
    ...(stream.lastIngestedAt === undefined ? {} : { lastIngestionTime: stream.lastIngestedAt }),
  });
  return {
    CreateLogStream(input: Sdk.CreateLogStreamCommandInput) {
      const group = of(input);
      const name = required(input.logStreamName, "logStreamName");
      if (group.streams.has(name))
        throw new CloudError("ResourceAlreadyExistsException", "The specified log stream already exists");
      newStream(world, group, name);
      return {};
    },
    DeleteLogStream(input: Sdk.DeleteLogStreamCommandInput) {
      const group = of(input);
      const name = required(input.logStreamName, "logStreamName");
      if (!group.streams.delete(name)) throw missing("The specified log stream does not exist.");
      group.events = group.events.filter((event) => event.stream !== name);
      return {};
    },
    DescribeLogStreams(input: Sdk.DescribeLogStreamsCommandInput) {
      const group = of(input);
      const byTime = input.orderBy === "LastEventTime";
      const order = (a: LogStream, b: LogStream): number =>
        byTime ? (a.lastEventAt ?? a.createdAt) - (b.lastEventAt ?? b.createdAt) : a.name < b.name ? -1 : 1;
      const all = [...group.streams.values()]
        .filter((stream) => stream.name.startsWith(input.logStreamNamePrefix ?? ""))
        .toSorted(order);
      if (input.descending === true) all.reverse();
      const [page, nextToken] = paged(all, input.nextToken, input.limit ?? 50);
      return { logStreams: page.map((stream) => shown(group, stream)), ...nextToken };
    },
    PutLogEvents(input: Sdk.PutLogEventsCommandInput) {
      const group = of(input);
      const stream = group.streams.get(required(input.logStreamName, "logStreamName"));
      if (stream === undefined) throw missing("The specified log stream does not exist.");
      const given = required(input.logEvents, "logEvents");
      if (given.length > EVENTS_PER_PUT_MAX)
        throw invalid(`${given.length} log events, at most ${EVENTS_PER_PUT_MAX} are allowed`);
      const lines = given.map((event) => ({
        at: required(event.timestamp, "logEvents.timestamp"),
        message: required(event.message, "logEvents.message"),
      }));
      if (lines.some((line, index) => line.at < (lines[index - 1]?.at ?? 0)))
        throw invalid("Log events in a single PutLogEvents request must be in chronological order.");
      append(world, group, stream, lines);
      return { nextSequenceToken: "unused" };
    },
  };
}

function eventOperations(of: (input: Named) => LogGroup): Record<string, Operation> {
  return {
    FilterLogEvents(input: Sdk.FilterLogEventsCommandInput) {
      const group = of(input);
      const fits = filterFrom(input.filterPattern);
      const streams = input.logStreamNames === undefined ? undefined : new Set(input.logStreamNames);
      const after = input.nextToken === undefined ? -1 : sequenceOf(input.nextToken);
      const limit = Math.min(input.limit ?? EVENTS_PER_PAGE_MAX, EVENTS_PER_PAGE_MAX);
      const found = group.events.filter(
        (event) =>
          event.sequence > after &&
          within(event, input.startTime, input.endTime, true) &&
          (streams === undefined || streams.has(event.stream)) &&
          event.stream.startsWith(input.logStreamNamePrefix ?? "") &&
          fits(event.message),
      );
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return {
        events: page
          .toSorted((a, b) => a.at - b.at || a.sequence - b.sequence)
          .map((event) => ({
            logStreamName: event.stream,
            timestamp: event.at,
            message: event.message,
            ingestionTime: event.ingestedAt,
            eventId: String(event.sequence).padStart(56, "0"),
          })),
        searchedLogStreams: [],
        ...(last !== undefined && found.length > page.length ? { nextToken: String(last.sequence) } : {}),
      };
    },
    GetLogEvents(input: Sdk.GetLogEventsCommandInput) {
      const group = of(input);
      const name = required(input.logStreamName, "logStreamName");
      if (!group.streams.has(name)) throw missing("The specified log stream does not exist.");
      const all = group.events.filter(
        (event) => event.stream === name && within(event, input.startTime, input.endTime, false),
      );
      const page = pageOfStream(all, input);
      const [first, last] = [page.at(0), page.at(-1)];
      const at = input.nextToken === undefined ? 0 : sequenceOf(input.nextToken.slice(2));
      return {
        events: page.map((event) => ({ timestamp: event.at, message: event.message, ingestionTime: event.ingestedAt })),
        // The end of a stream is seen by a token that does not change.
        nextForwardToken: `f/${last?.sequence ?? at}`,
        nextBackwardToken: `b/${first?.sequence ?? at}`,
      };
    },
  };
}

function pageOfStream(all: readonly LogEvent[], input: Sdk.GetLogEventsCommandInput): readonly LogEvent[] {
  const limit = Math.min(input.limit ?? EVENTS_PER_PAGE_MAX, EVENTS_PER_PAGE_MAX);
  const token = input.nextToken;
  if (token === undefined) return input.startFromHead === true ? all.slice(0, limit) : all.slice(-limit);
  const at = sequenceOf(token.slice(2));
  if (token.startsWith("f/")) return all.filter((event) => event.sequence > at).slice(0, limit);
  if (token.startsWith("b/")) return all.filter((event) => event.sequence < at).slice(-limit);
  throw invalid(`The specified nextToken is invalid: ${token}`);
}

function sequenceOf(token: string): number {
  const sequence = Number(token);
  if (!Number.isInteger(sequence)) throw invalid(`The specified nextToken is invalid: ${token}`);
  return sequence;
}

const within = (event: LogEvent, start: number | undefined, end: number | undefined, endInclusive: boolean): boolean =>
  event.at >= (start ?? 0) && (end === undefined || event.at < end || (endInclusive && event.at === end));
