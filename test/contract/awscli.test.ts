import { isAll } from "../extent.ts";
import { afterAll, describe, expect, test } from "@jest/globals";
import { findAwsCli, runAws } from "./awscli.ts";
import { openQuietCloud } from "./quiet-cloud.ts";

/** A client that shares no code with the embedded cloud: it was written from AWS's models by others. */
const cli = findAwsCli();
const cloud = await openQuietCloud();
afterAll(() => cloud.close());

/** Each start of the program costs a second or two of a busy processor. */
const SECONDS = 1_000;
const CALLS_MS = 90 * SECONDS;

if ("missing" in cli) console.log(`not run: ${cli.missing}`);
else console.log(`run with ${cli.version}`);
const withAws = "missing" in cli ? describe.skip : describe;
/** `npm test` keeps to one test of each of the protocols that the controller speaks most. */
const testAll = isAll ? test : test.skip;

/** Fails with the program's own words. */
async function aws(...args: string[]): Promise<unknown> {
  if ("missing" in cli) throw new Error(cli.missing);
  const { code, output, stderr } = await runAws(cli, cloud.url, args);
  if (code !== 0) throw new Error(`aws ${args.join(" ")} exited with ${code}: ${stderr.trim()}`);
  return output;
}

/** One text of an answer, by its path: `text(answer, "Vpc", "VpcId")`. */
function text(answer: unknown, ...path: string[]): string {
  const value = path.reduce<unknown>((at, name) => Object(at)[name], answer);
  if (typeof value !== "string") throw new Error(`${path.join(".")} is no text in ${JSON.stringify(answer)}`);
  return value;
}

withAws("AWS's own command line", () => {
  test(
    "changes and reads parameters (JSON)",
    async () => {
      await aws("ssm", "put-parameter", "--name", "/farm/a", "--value", "1", "--type", "String");
      await aws("ssm", "put-parameter", "--name", "/farm/a", "--value", "2", "--type", "String", "--overwrite");
      expect(await aws("ssm", "get-parameter", "--name", "/farm/a")).toMatchObject({
        Parameter: { Name: "/farm/a", Value: "2", Version: 2, Type: "String" },
      });
      await aws("ssm", "delete-parameter", "--name", "/farm/a");
      await expect(aws("ssm", "get-parameter", "--name", "/farm/a")).rejects.toThrow(/ParameterNotFound/);
    },
    CALLS_MS,
  );

  test(
    "makes and changes groups of machines (EC2 and Query)",
    async () => {
      const vpc = text(await aws("ec2", "create-vpc", "--cidr-block", "10.9.0.0/16"), "Vpc", "VpcId");
      const zone = "eu-west-1a";
      const created = await aws(
        ...["ec2", "create-subnet", "--vpc-id", vpc, "--cidr-block", "10.9.1.0/24", "--availability-zone", zone],
      );
      const subnet = text(created, "Subnet", "SubnetId");
      const template = '{"ImageId":"ami-0123456789abcdef0","InstanceType":"t4g.small"}';
      await aws("ec2", "create-launch-template", "--launch-template-name", "web", "--launch-template-data", template);
      await aws(
        ...["autoscaling", "create-auto-scaling-group", "--auto-scaling-group-name", "web"],
        ...["--launch-template", "LaunchTemplateName=web,Version=$Latest", "--vpc-zone-identifier", subnet],
        ...["--min-size", "0", "--max-size", "3", "--desired-capacity", "1"],
      );
      await aws("autoscaling", "update-auto-scaling-group", "--auto-scaling-group-name", "web", "--max-size", "2");
      await expect(
        aws("autoscaling", "set-desired-capacity", "--auto-scaling-group-name", "web", "--desired-capacity", "3"),
      ).rejects.toThrow(/ValidationError/);
      const described = await aws("autoscaling", "describe-auto-scaling-groups", "--auto-scaling-group-names", "web");
      expect(described).toMatchObject({
        AutoScalingGroups: [{ MinSize: 0, MaxSize: 2, DesiredCapacity: 1, VPCZoneIdentifier: subnet }],
      });
      const named = await aws("ec2", "describe-subnets", "--filters", `Name=vpc-id,Values=${vpc}`);
      expect(named).toMatchObject({
        Subnets: [{ SubnetId: subnet, CidrBlock: "10.9.1.0/24", AvailabilityZone: zone }],
      });
    },
    CALLS_MS,
  );

  test(
    "changes and reads records (REST XML)",
    async () => {
      const made = await aws("route53", "create-hosted-zone", "--name", "example.org", "--caller-reference", "once");
      const zone = text(made, "HostedZone", "Id");
      const record = { Name: "db.example.org.", Type: "A", TTL: 60, ResourceRecords: [{ Value: "10.9.1.10" }] };
      const batch = JSON.stringify({ Changes: [{ Action: "UPSERT", ResourceRecordSet: record }] });
      const change = await aws(
        ...["route53", "change-resource-record-sets", "--hosted-zone-id", zone, "--change-batch", batch],
      );
      expect(change).toMatchObject({ ChangeInfo: { Id: expect.stringMatching(/^\/change\//) } });
      expect(await aws("route53", "list-resource-record-sets", "--hosted-zone-id", zone)).toMatchObject({
        ResourceRecordSets: expect.arrayContaining([record]),
      });
    },
    CALLS_MS,
  );

  testAll(
    "changes and reads alarms (the protocol that its version speaks)",
    async () => {
      await aws(
        ...[
          "cloudwatch",
          "put-metric-alarm",
          "--alarm-name",
          "busy",
          "--namespace",
          "Tandem",
          "--metric-name",
          "Saturation",
        ],
        ...["--statistic", "Average", "--period", "10", "--evaluation-periods", "3", "--threshold", "80.5"],
        ...["--comparison-operator", "GreaterThanThreshold", "--dimensions", "Name=AutoScalingGroupName,Value=web"],
      );
      await aws(
        ...["cloudwatch", "put-metric-data", "--namespace", "Tandem", "--metric-name", "Saturation", "--value", "12.5"],
        ...["--dimensions", "AutoScalingGroupName=web"],
      );
      await aws(
        ...[
          "cloudwatch",
          "set-alarm-state",
          "--alarm-name",
          "busy",
          "--state-value",
          "ALARM",
          "--state-reason",
          "a test",
        ],
      );
      expect(await aws("cloudwatch", "describe-alarms", "--alarm-name-prefix", "bu")).toMatchObject({
        MetricAlarms: [
          {
            AlarmName: "busy",
            StateValue: "ALARM",
            StateReason: "a test",
            Threshold: 80.5,
            Dimensions: [{ Name: "AutoScalingGroupName", Value: "web" }],
          },
        ],
      });
      await aws("cloudwatch", "delete-alarms", "--alarm-names", "busy");
      expect(await aws("cloudwatch", "describe-alarms")).toMatchObject({ MetricAlarms: [] });
    },
    CALLS_MS,
  );

  testAll(
    "makes, changes and removes stacks (Query)",
    async () => {
      const template = (value: string): string =>
        JSON.stringify({
          Parameters: { Name: { Type: "String", Default: "/stack/a" } },
          Resources: {
            Wish: { Type: "AWS::SSM::Parameter", Properties: { Name: { Ref: "Name" }, Type: "String", Value: value } },
          },
          Outputs: { Wish: { Value: { Ref: "Wish" } } },
        });
      await aws("cloudformation", "create-stack", "--stack-name", "small", "--template-body", template("one"));
      await aws("cloudformation", "wait", "stack-create-complete", "--stack-name", "small");
      await aws("cloudformation", "update-stack", "--stack-name", "small", "--template-body", template("two"));
      await aws("cloudformation", "wait", "stack-update-complete", "--stack-name", "small");
      expect(await aws("cloudformation", "describe-stacks", "--stack-name", "small")).toMatchObject({
        Stacks: [{ StackStatus: "UPDATE_COMPLETE", Outputs: [{ OutputKey: "Wish", OutputValue: "/stack/a" }] }],
      });
      expect(await aws("ssm", "get-parameter", "--name", "/stack/a")).toMatchObject({ Parameter: { Value: "two" } });
      await aws("cloudformation", "delete-stack", "--stack-name", "small");
      await aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", "small");
      await expect(aws("ssm", "get-parameter", "--name", "/stack/a")).rejects.toThrow(/ParameterNotFound/);
    },
    CALLS_MS,
  );

  testAll(
    "keeps objects, items, messages and functions (REST XML, JSON 1.0, SQS's own, REST JSON)",
    async () => {
      await aws(...["s3api", "create-bucket", "--bucket", "artefacts"], ...LOCATION);
      await aws("s3api", "put-object", "--bucket", "artefacts", "--key", "a/b", "--body", "/etc/hostname");
      expect(await aws("s3api", "list-objects-v2", "--bucket", "artefacts")).toMatchObject({
        Contents: [{ Key: "a/b" }],
      });

      await aws(
        ...["dynamodb", "create-table", "--table-name", "state", "--billing-mode", "PAY_PER_REQUEST"],
        ...[
          "--attribute-definitions",
          "AttributeName=pk,AttributeType=S",
          "--key-schema",
          "AttributeName=pk,KeyType=HASH",
        ],
      );
      await aws("dynamodb", "wait", "table-exists", "--table-name", "state");
      await aws("dynamodb", "put-item", "--table-name", "state", "--item", '{"pk":{"S":"a"},"count":{"N":"7"}}');
      expect(await aws("dynamodb", "get-item", "--table-name", "state", "--key", '{"pk":{"S":"a"}}')).toMatchObject({
        Item: { count: { N: "7" } },
      });

      const queue = text(await aws("sqs", "create-queue", "--queue-name", "dead"), "QueueUrl");
      await aws("sqs", "send-message", "--queue-url", queue, "--message-body", "hello");
      expect(await aws("sqs", "receive-message", "--queue-url", queue)).toMatchObject({
        Messages: [{ Body: "hello" }],
      });

      expect(await aws("lambda", "list-functions")).toEqual({ Functions: [] });
      expect(await aws("sts", "get-caller-identity")).toMatchObject({ Account: "000000000000" });
    },
    CALLS_MS,
  );
});

const LOCATION = ["--create-bucket-configuration", "LocationConstraint=eu-west-1"];
