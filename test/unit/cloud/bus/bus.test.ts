import { describe, expect, test } from "@jest/globals";
import {
  DeleteRuleCommand,
  DescribeRuleCommand,
  DisableRuleCommand,
  EventBridgeClient,
  ListRuleNamesByTargetCommand,
  ListTargetsByRuleCommand,
  PutEventsCommand,
  PutRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
  type Target,
} from "@aws-sdk/client-eventbridge";
import { openEventBridge } from "../../../../local/cloud/bus/index.ts";
import { CloudError } from "../../../../local/cloud/errors.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const FUNCTION = "arn:aws:lambda:eu-west-1:000000000000:function:tandem-local-on-alarm";
const QUEUE = "arn:aws:sqs:eu-west-1:000000000000:dead";
const RULE = "arn:aws:events:eu-west-1:000000000000:rule/alarms";

const open = () => {
  const world = testWorld();
  const invoked: unknown[] = [];
  const sent: { queue: string; body: string; attributes: unknown }[] = [];
  const faults: Error[] = [];
  const bus = openEventBridge(world, {
    async invokeFunction(_arn, payload) {
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
      invoked.push(payload);
    },
    async sendMessage(queue, body, attributes) {
      sent.push({ queue, body, attributes });
    },
  });
  const client = sdkClient(EventBridgeClient, testEndpoint(world, bus.service).handle);
  const rule = async (pattern: unknown, target: Partial<Target> = {}) => {
    await client.send(new PutRuleCommand({ Name: "alarms", EventPattern: JSON.stringify(pattern) }));
    await client.send(new PutTargetsCommand({ Rule: "alarms", Targets: [{ Id: "f", Arn: FUNCTION, ...target }] }));
  };
  return { world, bus, client, rule, invoked, sent, faults };
};
const alarm = {
  source: "aws.cloudwatch",
  detailType: "CloudWatch Alarm State Change",
  detail: { alarmName: "busy", state: { value: "ALARM" } },
  resources: ["arn:x"],
};

describe("the event bus", () => {
  test("brings an event of the cloud to the targets of the rules that match, in its envelope", async () => {
    const { world, bus, rule, invoked } = open();
    await rule({ source: ["aws.cloudwatch"], detail: { alarmName: [{ prefix: "bu" }] } });

    bus.emit(alarm);
    bus.emit({ ...alarm, source: "aws.ec2" });
    await world.clock.advance(1);

    expect(invoked).toEqual([
      {
        version: "0",
        id: expect.stringMatching(/^[\w-]{36}$/),
        "detail-type": alarm.detailType,
        source: "aws.cloudwatch",
        account: "000000000000",
        time: "2026-01-01T00:00:00Z",
        region: "eu-west-1",
        resources: ["arn:x"],
        detail: alarm.detail,
      },
    ]);
  });

  test("takes events from a client, but none that pretends to be of AWS", async () => {
    const { world, client, rule, invoked } = open();
    await rule({ source: ["tandem", "aws.ec2"] });

    const answer = await client.send(
      new PutEventsCommand({
        Entries: [
          { Source: "tandem", DetailType: "page changed", Detail: '{"id":1}' },
          { Source: "aws.ec2", DetailType: "forged", Detail: "{}" },
          { Source: "tandem", DetailType: "broken", Detail: "{" },
        ],
      }),
    );
    await world.clock.advance(1);

    expect(answer.FailedEntryCount).toBe(2);
    expect(answer.Entries).toEqual([
      { EventId: expect.any(String) },
      { ErrorCode: "NotAuthorizedForSourceException", ErrorMessage: "Not authorized for the source." },
      { ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed." },
    ]);
    expect(invoked).toEqual([expect.objectContaining({ source: "tandem", detail: { id: 1 } })]);
  });

  test("puts a full envelope on unchanged, also with a source of AWS", async () => {
    const { world, bus, rule, invoked } = open();
    await rule({ source: ["aws.autoscaling"] });
    const envelope = {
      source: "aws.autoscaling",
      "detail-type": "odd",
      detail: { a: 1 },
      time: "1999-12-31T23:59:59Z",
      extra: true,
    };

    bus.deliver(envelope);
    await world.clock.advance(1);

    expect(invoked).toEqual([envelope]);
    expect(() => bus.deliver({ source: "x" })).toThrow("lacks detail-type, detail");
  });

  test("fires schedules by the world's clock until the rule is disabled", async () => {
    const { world, client, invoked } = open();
    await client.send(new PutRuleCommand({ Name: "minute", ScheduleExpression: "rate(1 minute)" }));
    await client.send(
      new PutTargetsCommand({
        Rule: "minute",
        Targets: [
          { Id: "f", Arn: FUNCTION },
          { Id: "g", Arn: FUNCTION, Input: '{"scope":"web"}' },
        ],
      }),
    );

    await world.clock.advance(120_000);
    await client.send(new DisableRuleCommand({ Name: "minute" }));
    await world.clock.advance(600_000);

    expect(invoked).toHaveLength(4);
    expect(invoked[0]).toMatchObject({
      "detail-type": "Scheduled Event",
      source: "aws.events",
      time: "2026-01-01T00:01:00Z",
      resources: ["arn:aws:events:eu-west-1:000000000000:rule/minute"],
      detail: {},
    });
    expect(invoked[3]).toEqual({ scope: "web" });
  });

  test("gives a target what its transformer makes of the event", async () => {
    const { world, bus, rule, sent } = open();
    await rule(
      { source: ["aws.cloudwatch"] },
      {
        Arn: QUEUE,
        InputTransformer: {
          InputPathsMap: { name: "$.detail.alarmName", state: "$.detail.state" },
          InputTemplate: '{"text":"alarm <name> of <aws.events.rule-name>","name":<name>,"state":<state>}',
        },
      },
    );

    bus.emit(alarm);
    await world.clock.advance(1);

    expect(JSON.parse(sent[0]?.body ?? "")).toEqual({
      text: "alarm busy of alarms",
      name: "busy",
      state: { value: "ALARM" },
    });
  });

  test("tries again after a fault that may pass, and then delivers", async () => {
    const { world, bus, rule, invoked, faults } = open();
    await rule({ source: ["aws.cloudwatch"] });
    faults.push(new CloudError("TooManyRequestsException", "busy", 429), new Error("broken pipe"));

    bus.emit(alarm);
    await world.clock.advance(10_000);

    expect(invoked).toHaveLength(1);
  });

  test("buries what it cannot deliver, with the reason", async () => {
    const { world, bus, rule, sent, faults } = open();
    await rule(
      { source: ["aws.cloudwatch"] },
      { DeadLetterConfig: { Arn: QUEUE }, RetryPolicy: { MaximumRetryAttempts: 1 } },
    );
    faults.push(new CloudError("ResourceNotFoundException", "gone", 404));
    bus.emit(alarm);
    await world.clock.advance(1);
    faults.push(new CloudError("ServiceException", "down", 500), new CloudError("ServiceException", "down", 500));

    bus.emit(alarm);
    await world.clock.advance(10_000);

    const text = (StringValue: string) => ({ DataType: "String", StringValue });
    expect(JSON.parse(sent[0]?.body ?? "")).toMatchObject({ source: "aws.cloudwatch" });
    expect(sent.map((one) => one.attributes)).toEqual([
      {
        RULE_ARN: text(RULE),
        TARGET_ARN: text(FUNCTION),
        ERROR_CODE: text("ResourceNotFoundException"),
        ERROR_MESSAGE: text("gone"),
        RETRY_ATTEMPTS: text("0"),
      },
      {
        RULE_ARN: text(RULE),
        TARGET_ARN: text(FUNCTION),
        ERROR_CODE: text("ServiceException"),
        ERROR_MESSAGE: text("down"),
        RETRY_ATTEMPTS: text("1"),
        EXHAUSTED_RETRY_CONDITION: text("MaximumRetryAttempts"),
      },
    ]);
  });

  test("shows its rules and lets one go only without targets", async () => {
    const { client, rule } = open();
    await rule({ source: ["aws.cloudwatch"] });

    await expect(client.send(new DeleteRuleCommand({ Name: "alarms" }))).rejects.toThrow("since it has targets");
    expect(await client.send(new DescribeRuleCommand({ Name: "alarms" }))).toMatchObject({
      Arn: RULE,
      State: "ENABLED",
      EventPattern: '{"source":["aws.cloudwatch"]}',
    });
    expect((await client.send(new ListTargetsByRuleCommand({ Rule: "alarms" }))).Targets).toEqual([
      { Id: "f", Arn: FUNCTION },
    ]);
    expect((await client.send(new ListRuleNamesByTargetCommand({ TargetArn: FUNCTION }))).RuleNames).toEqual([
      "alarms",
    ]);
    await client.send(new RemoveTargetsCommand({ Rule: "alarms", Ids: ["f"] }));
    await client.send(new DeleteRuleCommand({ Name: "alarms" }));
    await expect(client.send(new DescribeRuleCommand({ Name: "alarms" }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
  });

  test("refuses a target of a kind that it does not know, by name", async () => {
    const { rule } = open();

    await expect(rule({ source: ["a"] }, { Arn: "arn:aws:sns:eu-west-1:000000000000:topic" })).rejects.toThrow(
      "arn:aws:sns:eu-west-1:000000000000:topic",
    );
  });
});
