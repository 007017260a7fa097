import { describe, expect, test } from "@jest/globals";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DescribeLogGroupsCommand,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
  PutLogEventsCommand,
  PutRetentionPolicyCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { filterFrom } from "../../../../local/cloud/services/logs/filter.ts";
import { GROUP_BYTES_MAX } from "../../../../local/cloud/services/logs/group.ts";
import { openLogs } from "../../../../local/cloud/services/logs/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const open = () => {
  const world = testWorld();
  const logs = openLogs(world);
  return { world, logs, client: sdkClient(CloudWatchLogsClient, testEndpoint(world, logs.service).handle) };
};
const GROUP = "/aws/lambda/tandem-local-panel";

describe("a log group", () => {
  test("of a function appears with its first line and is read by filter, newest stream first", async () => {
    const { world, logs, client } = open();
    logs.write(GROUP, "2026/01/01/[$LATEST]aa", [{ at: world.clock.now(), message: "START one" }]);
    await world.clock.advance(1000);
    logs.write(GROUP, "2026/01/01/[$LATEST]bb", [{ at: world.clock.now(), message: "ERROR two" }]);

    const streams = await client.send(
      new DescribeLogStreamsCommand({ logGroupName: GROUP, orderBy: "LastEventTime", descending: true, limit: 50 }),
    );
    const names = (streams.logStreams ?? []).map((stream) => stream.logStreamName ?? "");
    const all = await client.send(
      new FilterLogEventsCommand({ logGroupName: GROUP, logStreamNames: names, startTime: 0 }),
    );
    const errors = await client.send(new FilterLogEventsCommand({ logGroupName: GROUP, filterPattern: "ERROR" }));

    expect(names).toEqual(["2026/01/01/[$LATEST]bb", "2026/01/01/[$LATEST]aa"]);
    expect(all.events?.map((event) => event.message)).toEqual(["START one", "ERROR two"]);
    expect(errors.events).toEqual([
      expect.objectContaining({
        message: "ERROR two",
        logStreamName: "2026/01/01/[$LATEST]bb",
        timestamp: world.clock.now(),
      }),
    ]);
  });

  test("is written and read in pages by a client", async () => {
    const { world, client } = open();
    const now = world.clock.now();
    await client.send(new CreateLogGroupCommand({ logGroupName: "farm" }));
    await client.send(new CreateLogStreamCommand({ logGroupName: "farm", logStreamName: "s" }));
    const logEvents = ["a", "b", "c"].map((message, index) => ({ timestamp: now + index, message }));
    await client.send(new PutLogEventsCommand({ logGroupName: "farm", logStreamName: "s", logEvents }));

    const first = await client.send(
      new GetLogEventsCommand({ logGroupName: "farm", logStreamName: "s", startFromHead: true, limit: 2 }),
    );
    const second = await client.send(
      new GetLogEventsCommand({ logGroupName: "farm", logStreamName: "s", nextToken: first.nextForwardToken }),
    );
    const end = await client.send(
      new GetLogEventsCommand({ logGroupName: "farm", logStreamName: "s", nextToken: second.nextForwardToken }),
    );

    expect([first, second, end].map((page) => page.events?.map((event) => event.message))).toEqual([
      ["a", "b"],
      ["c"],
      [],
    ]);
    expect(end.nextForwardToken).toBe(second.nextForwardToken);
  });

  test("forgets what is older than its retention, and what is beyond its bytes", async () => {
    const { world, logs, client } = open();
    logs.write(GROUP, "s", [{ at: world.clock.now(), message: "old" }]);
    await client.send(new PutRetentionPolicyCommand({ logGroupName: GROUP, retentionInDays: 1 }));
    await world.clock.advance(2 * 86_400_000);
    logs.write(GROUP, "s", [{ at: world.clock.now(), message: "first" }]);
    for (let line = 0; line < 20; line++)
      logs.write(GROUP, "s", [{ at: world.clock.now(), message: "x".repeat(1024 * 1024) }]);

    const groups = await client.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: "/aws/lambda/" }));
    const kept = await client.send(new FilterLogEventsCommand({ logGroupName: GROUP, filterPattern: "?old ?first" }));

    expect(groups.logGroups?.[0]).toMatchObject({
      retentionInDays: 1,
      arn: `arn:aws:logs:eu-west-1:000000000000:log-group:${GROUP}:*`,
    });
    expect(groups.logGroups?.[0]?.storedBytes).toBeLessThanOrEqual(GROUP_BYTES_MAX);
    expect(kept.events).toEqual([]);
  });

  test("that does not exist is named as such", async () => {
    const { client } = open();

    await expect(client.send(new FilterLogEventsCommand({ logGroupName: "nothing" }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
  });
});

describe("a filter pattern", () => {
  test.each([
    ["ERROR", "an ERROR here", true],
    ["ERROR here", "an ERROR there, here", true],
    ['"no such"', "no page such", false],
    ["ERROR -timeout", "ERROR timeout", false],
    ["?one ?two", "only two", true],
    ["", "anything", true],
  ])("%s on %s: %s", (pattern, message, matches) => {
    expect(filterFrom(pattern)(message)).toBe(matches);
  });

  test("of a kind that is not known is refused by name", () => {
    expect(() => filterFrom("{ $.level = ERROR }")).toThrow("not of JSON");
  });
});

describe("a line of the embedded metric format", () => {
  const line = {
    _aws: {
      CloudWatchMetrics: [
        { Namespace: "Tandem", Dimensions: [["service"]], Metrics: [{ Name: "Pages", Unit: "Count" }] },
      ],
    },
    service: "tandem-local",
    Pages: [1, 2],
  };
  const published = (message: string) => {
    const metrics: unknown[] = [];
    const world = testWorld();
    openLogs(world, (metric) => metrics.push(metric)).write(GROUP, "a", [{ at: world.clock.now(), message }]);
    return metrics;
  };

  test("publishes its values", () => {
    const common = { namespace: "Tandem", name: "Pages", unit: "Count", dimensions: { service: "tandem-local" } };

    expect(published(JSON.stringify(line))).toEqual([
      { ...common, value: 1 },
      { ...common, value: 2 },
    ]);
  });

  test.each(["START", '{"_aws": {"CloudWatchMetrics": 1}}', '{"CloudWatchMetrics": ['])(
    "%s is no such line",
    (message) => {
      expect(published(message)).toEqual([]);
    },
  );
});
