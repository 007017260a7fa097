import { describe, expect, test } from "@jest/globals";
import {
  CloudWatchClient,
  DeleteAlarmsCommand,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  DisableAlarmActionsCommand,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  ListMetricsCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
  SetAlarmStateCommand,
  type MetricDatum,
  type PutMetricAlarmInput,
} from "@aws-sdk/client-cloudwatch";
import { openCloudWatch } from "../../../../local/cloud/services/cloudwatch/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const FUNCTION = "arn:aws:lambda:eu-west-1:000000000000:function:tandem-local-on-alarm";
const Dimensions = [{ Name: "AutoScalingGroupName", Value: "tandem-local-web" }];
const BUSY: PutMetricAlarmInput = {
  AlarmName: "tandem-local-web-busy",
  AlarmDescription: "web nodes are busy",
  Namespace: "Tandem",
  MetricName: "Saturation",
  Dimensions,
  Statistic: "Average",
  Period: 10,
  EvaluationPeriods: 3,
  DatapointsToAlarm: 2,
  Threshold: 80,
  ComparisonOperator: "GreaterThanThreshold",
  AlarmActions: [FUNCTION],
};

const open = () => {
  const world = testWorld();
  const events: { source: string; detailType: string; detail: unknown; resources?: readonly string[] }[] = [];
  const invoked: { arn: string; payload: unknown }[] = [];
  const cloudWatch = openCloudWatch(world, {
    emit: (event) => void events.push(event),
    invokeFunction: async (arn, payload) => void invoked.push({ arn, payload }),
  });
  const client = sdkClient(CloudWatchClient, testEndpoint(world, cloudWatch.service).handle);
  const publish = async (...values: number[]) => {
    for (const Value of values) {
      await world.clock.advance(5000);
      const datum = {
        MetricName: "Saturation",
        Dimensions,
        Value,
        StorageResolution: 1,
        Timestamp: new Date(world.clock.now()),
      };
      await client.send(new PutMetricDataCommand({ Namespace: "Tandem", MetricData: [datum] }));
      await world.clock.advance(5000);
    }
  };
  const state = () => cloudWatch.alarms()[0]?.state;
  return { world, cloudWatch, client, events, invoked, publish, state };
};

describe("an alarm", () => {
  test("is born without data, fires at two of three and tells the bus and its function in AWS's shapes", async () => {
    const { client, events, invoked, publish, state, world } = open();
    await client.send(new PutMetricAlarmCommand(BUSY));
    const born = state();

    await publish(50, 60, 70);
    await world.clock.advance(2000);
    const calm = state();
    await publish(95, 97.5);
    await world.clock.advance(2000);

    expect([born, calm, state()]).toEqual(["INSUFFICIENT_DATA", "OK", "ALARM"]);
    expect(events).toHaveLength(2);
    expect(events[1]).toEqual({
      source: "aws.cloudwatch",
      detailType: "CloudWatch Alarm State Change",
      resources: ["arn:aws:cloudwatch:eu-west-1:000000000000:alarm:tandem-local-web-busy"],
      detail: {
        alarmName: "tandem-local-web-busy",
        configuration: {
          description: "web nodes are busy",
          metrics: [
            {
              id: expect.any(String),
              metricStat: {
                metric: {
                  namespace: "Tandem",
                  name: "Saturation",
                  dimensions: { AutoScalingGroupName: "tandem-local-web" },
                },
                period: 10,
                stat: "Average",
              },
              returnData: true,
            },
          ],
        },
        state: {
          value: "ALARM",
          reason:
            "Threshold Crossed: 2 out of the last 3 datapoints [95.0 (01/01/26 00:00:30), 97.5 (01/01/26 00:00:40)] were greater than the threshold (80.0) " +
            "(minimum 2 datapoints for OK -> ALARM transition).",
          reasonData: expect.stringContaining('"recentDatapoints":[70,95,97.5],"threshold":80'),
          timestamp: "2026-01-01T00:00:51.500+0000",
        },
        previousState: expect.objectContaining({ value: "OK" }),
      },
    });
    expect(invoked).toEqual([
      {
        arn: FUNCTION,
        payload: {
          source: "aws.cloudwatch",
          alarmArn: "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:tandem-local-web-busy",
          accountId: "000000000000",
          time: "2026-01-01T00:00:51.500+0000",
          region: "eu-west-1",
          alarmData: {
            alarmName: "tandem-local-web-busy",
            state: expect.objectContaining({ value: "ALARM" }),
            previousState: expect.objectContaining({ value: "OK" }),
            configuration: expect.any(Object),
          },
        },
      },
    ]);
  });

  test("goes back when the load goes, and says nothing while nothing changes", async () => {
    const { client, events, publish, state, world } = open();
    await client.send(new PutMetricAlarmCommand(BUSY));

    await publish(95, 95, 95, 95, 95, 10, 10);
    await world.clock.advance(2000);

    expect(state()).toBe("OK");
    expect(events.map((event) => Object(event.detail).state.value)).toEqual(["ALARM", "OK"]);
  });

  test("has no data again when nobody publishes any more", async () => {
    const { client, publish, state, world } = open();
    await client.send(new PutMetricAlarmCommand(BUSY));

    await publish(10, 10, 10);
    await world.clock.advance(120_000);

    expect(state()).toBe("INSUFFICIENT_DATA");
  });

  test("can be set by hand, keeps a history and is silent with its actions disabled", async () => {
    const { client, invoked } = open();
    await client.send(new PutMetricAlarmCommand(BUSY));
    const set = (StateValue: "ALARM" | "OK") =>
      client.send(new SetAlarmStateCommand({ AlarmName: BUSY.AlarmName, StateValue, StateReason: "drill" }));

    await set("ALARM");
    await client.send(new DisableAlarmActionsCommand({ AlarmNames: ["tandem-local-web-busy"] }));
    await set("OK");
    await set("ALARM");
    const shown = await client.send(new DescribeAlarmsCommand({ AlarmNamePrefix: "tandem-" }));
    const history = await client.send(
      new DescribeAlarmHistoryCommand({ AlarmName: BUSY.AlarmName, HistoryItemType: "StateUpdate" }),
    );
    await client.send(new DeleteAlarmsCommand({ AlarmNames: ["tandem-local-web-busy"] }));

    expect(invoked).toHaveLength(1);
    expect(shown.MetricAlarms).toEqual([
      expect.objectContaining({
        StateValue: "ALARM",
        StateReason: "drill",
        ActionsEnabled: false,
        Period: 10,
        DatapointsToAlarm: 2,
      }),
    ]);
    expect(history.AlarmHistoryItems).toHaveLength(3);
    expect((await client.send(new DescribeAlarmsCommand({}))).MetricAlarms).toEqual([]);
  });

  test.each<[string, Partial<PutMetricAlarmInput>, string]>([
    [
      "an EC2 action",
      { AlarmActions: ["arn:aws:automate:eu-west-1:ec2:stop"] },
      "alarm action arn:aws:automate:eu-west-1:ec2:stop",
    ],
    ["a period that AWS does not know", { Period: 15 }, "Period 15"],
    ["more datapoints than periods", { DatapointsToAlarm: 4 }, "DatapointsToAlarm 4"],
    ["a statistic that is not known", { Statistic: undefined, ExtendedStatistic: "tm90" }, "statistic tm90"],
  ])("with %s is refused by name", async (_name, change, words) => {
    const { client } = open();

    await expect(client.send(new PutMetricAlarmCommand({ ...BUSY, ...change }))).rejects.toThrow(words);
  });
});

describe("a metric", () => {
  const put = async (client: CloudWatchClient, MetricData: MetricDatum[]) =>
    client.send(new PutMetricDataCommand({ Namespace: "Tandem", MetricData }));

  test("answers its statistics, of single values, of counted values and of statistic sets", async () => {
    const { client, world } = open();
    const Timestamp = new Date(world.clock.now());
    await put(client, [
      { MetricName: "Latency", Timestamp, Values: [10, 20, 1000], Counts: [50, 49, 1], Unit: "Milliseconds" },
      { MetricName: "Requests", Timestamp, StatisticValues: { SampleCount: 4, Sum: 10, Minimum: 1, Maximum: 5 } },
    ]);
    const over = {
      Namespace: "Tandem",
      StartTime: Timestamp,
      EndTime: new Date(world.clock.now() + 60_000),
      Period: 60,
    };

    const latency = await client.send(
      new GetMetricStatisticsCommand({
        ...over,
        MetricName: "Latency",
        Statistics: ["SampleCount", "Maximum"],
        ExtendedStatistics: ["p50", "p99", "p99.9"],
      }),
    );
    const requests = await client.send(
      new GetMetricStatisticsCommand({ ...over, MetricName: "Requests", Statistics: ["Average", "Sum"] }),
    );

    expect(latency.Datapoints).toEqual([
      {
        Timestamp,
        Unit: "Milliseconds",
        SampleCount: 100,
        Maximum: 1000,
        ExtendedStatistics: { p50: 10, p99: 20, "p99.9": 1000 },
      },
    ]);
    expect(requests.Datapoints).toEqual([expect.objectContaining({ Average: 2.5, Sum: 10 })]);
  });

  test("published at a second's resolution is read in periods of ten seconds, others are not", async () => {
    const { client, world } = open();
    const Timestamp = new Date(world.clock.now());
    await put(client, [
      { MetricName: "Fine", Timestamp, Value: 1, StorageResolution: 1 },
      { MetricName: "Coarse", Timestamp, Value: 1 },
    ]);
    const query = (MetricName: string) => ({
      Id: MetricName.toLowerCase(),
      MetricStat: { Metric: { Namespace: "Tandem", MetricName }, Period: 10, Stat: "Sum" },
    });

    const answer = await client.send(
      new GetMetricDataCommand({
        StartTime: Timestamp,
        EndTime: new Date(world.clock.now() + 60_000),
        MetricDataQueries: [query("Fine"), query("Coarse")],
      }),
    );

    expect(answer.MetricDataResults?.map((result) => result.Values)).toEqual([[1], []]);
  });

  test("is read in pages of as many datapoints as are asked for, in the order of the questions", async () => {
    const { client, world } = open();
    const start = world.clock.now();
    const at = (minute: number): Date => new Date(start + minute * 60_000);
    await put(
      client,
      ["A", "B"].flatMap((MetricName) =>
        [0, 1, 2].map((minute) => ({ MetricName, Timestamp: at(minute), Value: minute })),
      ),
    );
    const query = (MetricName: string) => ({
      Id: MetricName.toLowerCase(),
      MetricStat: { Metric: { Namespace: "Tandem", MetricName }, Period: 60, Stat: "Sum" },
    });
    const read = (more: object) =>
      client.send(
        new GetMetricDataCommand({
          StartTime: at(0),
          EndTime: at(3),
          ScanBy: "TimestampAscending",
          MetricDataQueries: [query("A"), query("Empty"), query("B")],
          ...more,
        }),
      );
    const shown = ({ MetricDataResults = [], NextToken }: Awaited<ReturnType<typeof read>>) => [
      ...MetricDataResults.map(({ Id, Values, StatusCode }) => `${Id} ${Values?.join(" ")} ${StatusCode}`),
      NextToken,
    ];

    const first = await read({ MaxDatapoints: 4 });
    const second = await read({ MaxDatapoints: 4, NextToken: first.NextToken });

    expect(shown(first)).toEqual(["a 0 1 2 Complete", "empty  Complete", "b 0 PartialData", "4"]);
    expect(shown(second)).toEqual(["b 1 2 Complete", undefined]);
    expect(shown(await read({}))).toEqual(["a 0 1 2 Complete", "empty  Complete", "b 0 1 2 Complete", undefined]);
    await expect(read({ MaxDatapoints: 0 })).rejects.toThrow("MaxDatapoints must be between 1 and 100800");
    await expect(client.send(new DescribeAlarmsCommand({ MaxRecords: 101 }))).rejects.toThrow(
      "MaxRecords must be between 1 and 100",
    );
  });

  test("takes part in metric math, and what that does not know is named", async () => {
    const { client, world } = open();
    const Timestamp = new Date(world.clock.now());
    await put(client, [
      { MetricName: "A", Timestamp, Value: 6 },
      { MetricName: "B", Timestamp, Value: 2 },
    ]);
    const stat = (Id: string, MetricName: string) => ({
      Id,
      ReturnData: false,
      MetricStat: { Metric: { Namespace: "Tandem", MetricName }, Period: 60, Stat: "Sum" },
    });
    const calculate = (Expression: string) =>
      client.send(
        new GetMetricDataCommand({
          StartTime: Timestamp,
          EndTime: new Date(world.clock.now() + 120_000),
          MetricDataQueries: [stat("a", "A"), stat("b", "B"), { Id: "e", Expression }],
        }),
      );

    const values = async (expression: string) => (await calculate(expression)).MetricDataResults?.[0]?.Values;

    expect(await values("100 * (a - b) / a")).toEqual([(100 * 4) / 6]);
    expect(await values("SUM([a, b])")).toEqual([8]);
    expect(await values("FILL(a, 0)")).toEqual([0, 6]);
    await expect(calculate("ANOMALY_DETECTION_BAND(a)")).rejects.toThrow("ANOMALY_DETECTION_BAND");
  });

  test("of other parts of the cloud is listed", async () => {
    const { cloudWatch, client, world } = open();
    cloudWatch.record("AWS/ApplicationELB", "RequestCount", { LoadBalancer: "app/x" }, 5, "Count");

    const listed = await client.send(new ListMetricsCommand({ Namespace: "AWS/ApplicationELB" }));
    await cloudWatch.service.close?.();

    expect(listed.Metrics).toEqual([
      {
        Namespace: "AWS/ApplicationELB",
        MetricName: "RequestCount",
        Dimensions: [{ Name: "LoadBalancer", Value: "app/x" }],
      },
    ]);
    expect(world.notes).toEqual([]);
  });
});
