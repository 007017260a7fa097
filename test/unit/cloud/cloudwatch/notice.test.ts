import { describe, expect, test } from "@jest/globals";
import {
  CloudWatchClient,
  DescribeAlarmHistoryCommand,
  PutMetricAlarmCommand,
  SetAlarmStateCommand,
} from "@aws-sdk/client-cloudwatch";
import { openCloudWatch } from "../../../../local/cloud/services/cloudwatch/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const TOPIC = "arn:aws:sns:eu-west-1:000000000000:tandem-local-alarms";
const ALARM = {
  AlarmName: "dead-letters",
  AlarmDescription: "Something could not be delivered",
  Namespace: "AWS/SQS",
  MetricName: "ApproximateNumberOfMessagesVisible",
  Dimensions: [{ Name: "QueueName", Value: "letters" }],
  Statistic: "Maximum",
  Period: 60,
  EvaluationPeriods: 1,
  Threshold: 0,
  ComparisonOperator: "GreaterThanThreshold",
  TreatMissingData: "notBreaching",
  AlarmActions: [TOPIC],
  OKActions: [TOPIC],
} as const;

interface Published {
  readonly topic: string;
  readonly subject: string;
  readonly message: string;
}

const open = (hasTopics: boolean) => {
  const world = testWorld();
  const published: Published[] = [];
  const { service } = openCloudWatch(world, {
    emit: () => undefined,
    invokeFunction: async () => undefined,
    ...(hasTopics && { publish: async (topic, notice) => void published.push({ topic, ...notice }) }),
  });
  const client = sdkClient(CloudWatchClient, testEndpoint(world, service).handle);
  const put = () =>
    client.send(
      new PutMetricAlarmCommand({
        ...ALARM,
        AlarmActions: [TOPIC],
        OKActions: [TOPIC],
        Dimensions: [...ALARM.Dimensions],
      }),
    );
  const fire = () =>
    client.send(
      new SetAlarmStateCommand({ AlarmName: "dead-letters", StateValue: "ALARM", StateReason: "for a test" }),
    );
  return { world, client, published, put, fire };
};

describe("an alarm whose action is a topic", () => {
  test("publishes what AWS publishes: the dimensions as a list, the statistic in capitals", async () => {
    const { published, put, fire } = open(true);
    await put();
    await fire();

    expect(published).toEqual([
      { topic: TOPIC, subject: 'ALARM: "dead-letters" in EU (Ireland)', message: expect.any(String) },
    ]);
    expect(JSON.parse(published[0]?.message ?? "")).toEqual({
      AlarmName: "dead-letters",
      AlarmDescription: "Something could not be delivered",
      AWSAccountId: "000000000000",
      AlarmConfigurationUpdatedTimestamp: expect.stringMatching(/\+0000$/),
      NewStateValue: "ALARM",
      NewStateReason: "for a test",
      StateChangeTime: expect.stringMatching(/\+0000$/),
      Region: "EU (Ireland)",
      AlarmArn: "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:dead-letters",
      OldStateValue: "INSUFFICIENT_DATA",
      OKActions: [TOPIC],
      AlarmActions: [TOPIC],
      InsufficientDataActions: [],
      Trigger: {
        MetricName: "ApproximateNumberOfMessagesVisible",
        Namespace: "AWS/SQS",
        StatisticType: "Statistic",
        Statistic: "MAXIMUM",
        Unit: null,
        Dimensions: [{ value: "letters", name: "QueueName" }],
        Period: 60,
        EvaluationPeriods: 1,
        DatapointsToAlarm: 1,
        ComparisonOperator: "GreaterThanThreshold",
        Threshold: 0,
        TreatMissingData: "notBreaching",
        EvaluateLowSampleCountPercentile: "",
      },
    });
  });

  test("says in its history when there is nobody to publish to", async () => {
    const { world, client, put, fire } = open(false);
    await put();
    await fire();
    await world.clock.advance(0);
    const history = await client.send(
      new DescribeAlarmHistoryCommand({ AlarmName: "dead-letters", HistoryItemType: "Action" }),
    );
    expect(history.AlarmHistoryItems?.[0]?.HistorySummary).toContain(`Failed to execute action ${TOPIC}`);
  });
});
