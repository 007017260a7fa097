import { describe, expect, test } from "@jest/globals";
import { readFileSync, readdirSync } from "node:fs";
import * as fc from "fast-check";
import { readTrigger, readTriggers } from "../../../lib/trigger/read.ts";
import type { Trigger } from "../../../lib/trigger/trigger.ts";
import { localSpec } from "./local-spec.ts";

const EVENTS = new URL("../../../events/", import.meta.url);
const textOf = (file: string): string => readFileSync(new URL(file, EVENTS), "utf8");
const filesIn = (folder: string): string[] =>
  readdirSync(new URL(folder, EVENTS))
    .filter((file) => file.endsWith(".json"))
    .map((file) => `${folder}${file}`);
const triggersOf = (file: string): readonly Trigger[] => readTriggers(JSON.parse(textOf(file)), localSpec);

const WEB_NODE = "i-0a1b2c3d4e5f60718";
const ASKED: Readonly<Record<string, readonly object[]>> = {
  "launch-web.json": [{ kind: "look", scope: `web/${WEB_NODE}`, cause: `launching ${WEB_NODE}` }],
  "terminate-web.json": [{ kind: "look", scope: `web/${WEB_NODE}`, cause: `terminating ${WEB_NODE}` }],
  "launch-database.json": [{ kind: "look", scope: "database" }],
  "terminate-other-group.json": [{ kind: "ignored", reason: "not ours: Auto Scaling group billing-workers" }],
  "instance-state.json": [{ kind: "locate", instanceId: WEB_NODE, cause: `${WEB_NODE} is terminated` }],
  "command-invocation.json": [{ kind: "locate", instanceId: WEB_NODE }],
  "command.json": [{ kind: "ignored" }],
  "alarm-state.json": [{ kind: "look", scope: "web", cause: "alarm tandem-local-web-busy is ALARM" }],
  "alarm-direct.json": [{ kind: "look", scope: "web", cause: "alarm tandem-local-web-busy is ALARM" }],
  "alarm-direct-composite.json": [{ kind: "look", scope: "database" }],
  "alarm-sns.json": [{ kind: "look", scope: "web", cause: "alarm tandem-local-web-busy is ALARM" }],
  "alarm-sns-in-sqs.json": [{ kind: "look", scope: "web" }],
  "lifecycle-sns.json": [{ kind: "look", scope: `web/${WEB_NODE}` }],
  "lifecycle-sqs.json": [
    { kind: "look", scope: `web/${WEB_NODE}` },
    { kind: "look", scope: "web/i-0a1b2c3d4e5f60719" },
  ],
  "test-notification.json": [{ kind: "ignored", reason: "a test notification of Auto Scaling" }],
  "scheduled.json": [{ kind: "look", scope: "web" }],
  "spot-warning.json": [
    {
      kind: "locate",
      instanceId: WEB_NODE,
      cause: `EC2 takes the Spot instance back (terminate): ${WEB_NODE}`,
      announced: { id: "spot-warning", ends: { inMs: 120_000 } },
    },
  ],
  "rebalance.json": [{ kind: "locate", instanceId: WEB_NODE, announced: { id: "rebalance" } }],
  "health.json": [
    {
      kind: "locate",
      instanceId: WEB_NODE,
      announced: {
        id: "01b0993207d81a09dcd552ebd1e633e36cf1f09a-1@000000000000",
        detail: "AWS Health announces AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED",
        ends: { at: Date.UTC(2026, 11, 4, 6) },
      },
    },
  ],
};

describe("a real event", () => {
  test.each(filesIn(""))("%s asks for what it should", (file) => {
    expect(triggersOf(file)).toMatchObject(ASKED[file] ?? [{ kind: "a line in this test" }]);
  });

  test("of another farm in the same account is not ours", () => {
    const other = { ...localSpec, farm: "tandem-prod", webGroup: "tandem-prod-web" };
    for (const file of ["launch-web.json", "alarm-direct.json"])
      expect(readTriggers(JSON.parse(textOf(file)), other)).toMatchObject(
        [{ kind: "ignored", reason: /^not ours/ }].map(asMatcher),
      );
  });
});

test.each([
  ["tandem-local-special-busy", { kind: "look", scope: "special" }],
  ["tandem-local-on-alarm-errors", { kind: "ignored" }],
])("the name of an alarm tells of which nodes it is: %s", (alarmName, asked) => {
  const event = JSON.parse(textOf("alarm-state.json"));
  expect(readTriggers({ ...event, detail: { ...event.detail, alarmName } }, localSpec)).toMatchObject([asked]);
});

describe("an event of AWS Health", () => {
  const health = (detail: object): readonly Trigger[] => {
    const event = JSON.parse(textOf("health.json"));
    return readTriggers({ ...event, detail: { ...event.detail, ...detail } }, localSpec);
  };

  test("asks for each instance that it names, once, and for nothing else that it names", () => {
    const ids = [WEB_NODE, "i-0a1b2c3d4e5f60719", "vol-0a1b2c3d4e5f60718", WEB_NODE];
    const asked = health({ affectedEntities: ids.map((entityValue) => ({ entityValue })) });
    expect(asked.map((one) => (one.kind === "locate" ? one.instanceId : one.kind))).toEqual(ids.slice(0, 2));
  });

  test("without a communication is told apart by its ARN, and without a readable time has none", () => {
    const [asked] = health({ communicationId: undefined, eventArn: "arn:aws:health:x", startTime: "soon" });
    expect(asked).toMatchObject({ announced: { id: "arn:aws:health:x@000000000000" } });
    expect(asked).not.toHaveProperty("announced.ends");
  });

  test.each([
    ["of another service", { service: "RDS" }],
    ["of another service, with nothing that EC2's have", { service: "S3", eventArn: undefined, eventTypeCode: 7 }],
    ["of no service", { service: undefined }],
    ["that is for the account", { eventTypeCategory: "accountNotification" }],
    ["of an investigation", { eventTypeCategory: "investigation" }],
    ["that is over", { statusCode: "closed" }],
    ["that names no instance", { affectedEntities: [] }],
    ["without a list of what it affects", { affectedEntities: undefined }],
  ])("%s is acknowledged", (_what, detail) => {
    expect(health(detail)).toMatchObject([{ kind: "ignored", reason: expect.stringMatching(/AWS Health/) }]);
  });
});

const asMatcher = ({ kind, reason }: { kind: string; reason: RegExp }) => ({
  kind,
  reason: expect.stringMatching(reason),
});

/** What the error must say, so that whoever sent the event knows what to correct. */
const SAYS: Readonly<Record<string, RegExp>> = {
  "invalid/array.json": /the event is an array of 1/,
  "invalid/null.json": /the event is null/,
  "invalid/text.json": /the event is string "launch i-0a1b2c3d4e5f60718"/,
  "invalid/number.json": /the event is number 42/,
  "invalid/empty-object.json": /neither a detail-type nor/,
  "invalid/launch-without-instance.json": /EC2InstanceId is missing, allowed is an instance id such as/,
  "invalid/launch-without-detail.json": /detail is missing, allowed is a record/,
  "invalid/launch-detail-is-text.json": /detail is string "i-0a1b2c3d4e5f60718", allowed is a record/,
  "invalid/launch-instance-is-number.json": /EC2InstanceId is number 718/,
  "invalid/launch-instance-is-a-path.json":
    /EC2InstanceId is string "..\/..\/i-0a1b2c3d4e5f60718", allowed is an instance id/,
  "invalid/launch-unknown-transition.json": /LifecycleTransition is string .*MOVING", allowed is one of autoscaling:/,
  "invalid/instance-state-unknown.json": /state is string "exploded", allowed is one of pending/,
  "invalid/spot-warning-without-action.json": /instance-action is missing, allowed is one of hibernate/,
  "invalid/rebalance-without-instance.json": /instance-id is missing, allowed is/,
  "invalid/health-entities-are-text.json": /affectedEntities is string "i-0a1b2c3d4e5f60718", allowed is/,
  "invalid/alarm-without-name.json": /alarmName is missing/,
  "invalid/alarm-data-is-list.json": /alarmData is an array of 0/,
  "invalid/source-is-number.json": /source is number 7/,
  "invalid/sns-message-not-json.json": /Records.0.Sns.Message is not JSON/,
  "invalid/sqs-body-not-json.json": /Records.0.body is not JSON/,
  "invalid/records-empty.json": /Records is empty/,
  "invalid/records-of-numbers.json": /Records.0 has neither Sns.Message nor body/,
  "invalid/too-many-records.json": /Records has 101 entries, allowed are 100/,
  "invalid/huge-name.json": /alarmName is string .*\(20019 characters\), allowed is at most 255 characters/,
};

describe("a broken event", () => {
  const files = filesIn("invalid/").filter((file) => file !== "invalid/not-json.json");

  test.each(files)("%s is rejected, with what is wrong where, and not tried again", (file) => {
    const [first] = triggersOf(file);
    expect(first).toMatchObject({ kind: "rejected", error: { code: "bad-event", retriable: false } });
    const message = first?.kind === "rejected" ? first.error.message : "";
    expect(message).toMatch(SAYS[file] ?? /a line in this test/);
    expect(message.length).toBeLessThan(600);
  });

  test("that is no JSON never reaches a function: inside a message it is rejected", () => {
    const event = { Records: [{ body: textOf("invalid/not-json.json") }] };
    expect(readTriggers(event, localSpec)).toMatchObject([{ kind: "rejected", error: { code: "bad-event" } }]);
  });

  test("in a batch does not stop the others", () => {
    const good = textOf("launch-web.json");
    const event = { Records: [{ body: "{" }, { body: good }, 7, { body: textOf("spot-warning.json") }] };
    expect(readTriggers(event, localSpec).map(({ kind }) => kind)).toEqual(["rejected", "look", "rejected", "locate"]);
  });

  test("alone throws a TandemError", () => {
    expect(() => readTrigger([], localSpec)).toThrow("the event is an array of 0, expected is a JSON object");
  });

  test("of any shape gives a trigger or a rejection, nothing else", () => {
    const detail = fc.oneof(fc.jsonValue(), fc.constantFrom(JSON.parse(textOf("launch-web.json")).detail));
    const kinds = fc.constantFrom(
      "EC2 Instance-launch Lifecycle Action",
      "Scheduled Event",
      "__proto__",
      "constructor",
    );
    const like = fc.record({
      source: fc.constantFrom("aws.autoscaling", "aws.events", "x"),
      "detail-type": kinds,
      detail,
    });
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), like, fc.record({ Records: fc.array(fc.jsonValue()) })), (event) => {
        for (const { kind } of readTriggers(event, localSpec))
          expect(["look", "locate", "ignored", "rejected"]).toContain(kind);
      }),
    );
  });
});
