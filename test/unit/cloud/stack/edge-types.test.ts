import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from "@aws-sdk/client-cloudformation";
import { CloudFrontClient, GetDistributionCommand, ListDistributionsCommand } from "@aws-sdk/client-cloudfront";
import { ListHealthChecksCommand, Route53Client } from "@aws-sdk/client-route-53";
import { GetTopicAttributesCommand, ListSubscriptionsCommand, ListTopicsCommand, SNSClient } from "@aws-sdk/client-sns";
import { describe, expect, test } from "@jest/globals";
import type { CallService } from "../../../../local/cloud/service.ts";
import { openCloudFront } from "../../../../local/cloud/services/cloudfront/index.ts";
import { openRoute53 } from "../../../../local/cloud/services/route53/index.ts";
import { openSns } from "../../../../local/cloud/services/sns/index.ts";
import { openCloudFormation } from "../../../../local/cloud/stack/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

/** Longer than any wait of the services in these tests. */
const LONG_MS = 60_000;

function cloud() {
  const world = testWorld();
  const call: CallService = (...given) => endpoint.callService(...given);
  const route53 = openRoute53(world, { probe: async () => ({ healthy: true, reason: "Success" }) });
  const sns = openSns(world, {
    invokeFunction: async () => {},
    sendMessage: async () => {},
    endpoint: () => "http://127.0.0.1:4566",
  });
  const endpoint = testEndpoint(
    world,
    openCloudFormation(world, { call, readTemplate: async () => "" }).service,
    openCloudFront(world).service,
    route53.service,
    sns.service,
  );
  const stacks = sdkClient(CloudFormationClient, endpoint.handle);
  const run = async (command: "create" | "update", template: object) => {
    const input = { StackName: "farm", TemplateBody: JSON.stringify(template) };
    await stacks.send(command === "create" ? new CreateStackCommand(input) : new UpdateStackCommand(input));
    await world.clock.advance(LONG_MS);
    const { Stacks = [] } = await stacks.send(new DescribeStacksCommand({ StackName: "farm" }));
    const { StackEvents = [] } = await stacks.send(new DescribeStackEventsCommand({ StackName: "farm" }));
    const reasons = StackEvents.flatMap((event) => event.ResourceStatusReason ?? []);
    const outputs = Object.fromEntries((Stacks[0]?.Outputs ?? []).map((one) => [one.OutputKey, one.OutputValue]));
    return { status: Stacks[0]?.StackStatus, outputs, reasons };
  };
  const remove = async (): Promise<void> => {
    await stacks.send(new DeleteStackCommand({ StackName: "farm" }));
    await world.clock.advance(LONG_MS);
  };
  return {
    run,
    remove,
    route53,
    cloudFront: sdkClient(CloudFrontClient, endpoint.handle),
    dns: sdkClient(Route53Client, endpoint.handle),
    topics: sdkClient(SNSClient, endpoint.handle),
  };
}

const edge = (comment: string, ttl = "60") => ({
  Resources: {
    Policy: {
      Type: "AWS::CloudFront::CachePolicy",
      Properties: {
        CachePolicyConfig: {
          Name: "static",
          MinTTL: "0",
          DefaultTTL: ttl,
          MaxTTL: "3600",
          ParametersInCacheKeyAndForwardedToOrigin: {
            EnableAcceptEncodingGzip: true,
            CookiesConfig: { CookieBehavior: "none" },
            HeadersConfig: { HeaderBehavior: "whitelist", Headers: ["origin"] },
            QueryStringsConfig: { QueryStringBehavior: "all" },
          },
        },
      },
    },
    Distribution: {
      Type: "AWS::CloudFront::Distribution",
      Properties: {
        DistributionConfig: {
          Comment: comment,
          Enabled: true,
          IPV6Enabled: true,
          Origins: [
            {
              Id: "farm",
              DomainName: "balancer.example.org",
              OriginCustomHeaders: [{ HeaderName: "x-edge", HeaderValue: "1" }],
              CustomOriginConfig: {
                HTTPPort: "8080",
                OriginProtocolPolicy: "http-only",
                OriginSSLProtocols: ["TLSv1.2"],
              },
            },
          ],
          DefaultCacheBehavior: {
            TargetOriginId: "farm",
            ViewerProtocolPolicy: "allow-all",
            AllowedMethods: ["GET", "HEAD", "OPTIONS"],
            CachePolicyId: { Ref: "Policy" },
          },
        },
        Tags: [{ Key: "a", Value: "1" }],
      },
    },
  },
  Outputs: {
    Domain: { Value: { "Fn::GetAtt": ["Distribution", "DomainName"] } },
    Id: { Value: { Ref: "Distribution" } },
  },
});

describe("the edge of a stack", () => {
  test("is made, changed in place and removed, disabled first", async () => {
    const { run, remove, cloudFront } = cloud();
    const created = await run("create", edge("first"));
    expect(created).toMatchObject({ status: "CREATE_COMPLETE", outputs: { Domain: expect.stringMatching(/^d/) } });

    const updated = await run("update", edge("second", "120"));

    expect(updated.status).toBe("UPDATE_COMPLETE");
    expect(updated.outputs["Id"]).toBe(created.outputs["Id"]);
    const { Distribution } = await cloudFront.send(new GetDistributionCommand({ Id: created.outputs["Id"] }));
    expect(Distribution).toMatchObject({
      Status: "Deployed",
      DistributionConfig: {
        Comment: "second",
        IsIPV6Enabled: true,
        Origins: { Items: [{ CustomHeaders: { Quantity: 1 }, CustomOriginConfig: { HTTPPort: 8080 } }] },
        DefaultCacheBehavior: { AllowedMethods: { Quantity: 3, CachedMethods: { Quantity: 2 } } },
      },
    });
    await remove();
    expect((await cloudFront.send(new ListDistributionsCommand({}))).DistributionList?.Quantity).toBe(0);
  });
});

const zone = (records: readonly object[], path = "/health") => ({
  Resources: {
    Zone: { Type: "AWS::Route53::HostedZone", Properties: { Name: "example.org" } },
    Check: {
      Type: "AWS::Route53::HealthCheck",
      Properties: {
        HealthCheckConfig: {
          Type: "HTTP",
          IPAddress: "192.0.2.1",
          Port: "80",
          ResourcePath: path,
          RequestInterval: "10",
        },
        HealthCheckTags: [{ Key: "Name", Value: "site" }],
      },
    },
    Group: {
      Type: "AWS::Route53::RecordSetGroup",
      Properties: { HostedZoneId: { Ref: "Zone" }, Comment: "the site", RecordSets: records },
    },
  },
});
const weighted = (id: string, weight: string, value: string) => ({
  Name: "www.example.org",
  Type: "A",
  TTL: "5",
  SetIdentifier: id,
  Weight: weight,
  HealthCheckId: { Ref: "Check" },
  ResourceRecords: [value],
});

describe("DNS of a stack", () => {
  test("has a health check and a group of records that change together", async () => {
    const { run, remove, route53, dns } = cloud();
    const ask = () => route53.answer("www.example.org", "A")?.map(({ value }) => value);
    expect(await run("create", zone([weighted("a", "1", "192.0.2.1"), weighted("b", "0", "192.0.2.2")]))).toMatchObject(
      {
        status: "CREATE_COMPLETE",
      },
    );
    expect(ask()).toEqual(["192.0.2.1"]);

    const updated = await run("update", zone([weighted("b", "1", "192.0.2.3")], "/other"));

    expect(updated.status).toBe("UPDATE_COMPLETE");
    expect(ask()).toEqual(["192.0.2.3"]);
    const { HealthChecks } = await dns.send(new ListHealthChecksCommand({}));
    expect(HealthChecks?.[0]?.HealthCheckConfig?.ResourcePath).toBe("/other");
    await remove();
    expect((await dns.send(new ListHealthChecksCommand({}))).HealthChecks ?? []).toEqual([]);
    expect(route53.zones()).toEqual([]);
  });
});

const alarms = (displayName: string, queue: string) => ({
  Resources: {
    Topic: { Type: "AWS::SNS::Topic", Properties: { TopicName: "alarms", DisplayName: displayName } },
    Subscription: {
      Type: "AWS::SNS::Subscription",
      Properties: {
        TopicArn: { Ref: "Topic" },
        Protocol: "sqs",
        Endpoint: `arn:aws:sqs:eu-west-1:000000000000:${queue}`,
        RawMessageDelivery: true,
        FilterPolicy: { state: ["ALARM"] },
      },
    },
    Policy: {
      Type: "AWS::SNS::TopicPolicy",
      Properties: { Topics: [{ Ref: "Topic" }], PolicyDocument: { Version: "2012-10-17", Statement: [] } },
    },
  },
});

describe("a topic of a stack", () => {
  test("keeps its place when it changes, and its subscription is replaced for another endpoint", async () => {
    const { run, remove, topics } = cloud();
    expect(await run("create", alarms("one", "first"))).toMatchObject({ status: "CREATE_COMPLETE" });

    expect(await run("update", alarms("two", "second"))).toMatchObject({ status: "UPDATE_COMPLETE" });

    const TopicArn = "arn:aws:sns:eu-west-1:000000000000:alarms";
    const { Attributes } = await topics.send(new GetTopicAttributesCommand({ TopicArn }));
    expect(Attributes).toMatchObject({ DisplayName: "two", Policy: '{"Version":"2012-10-17","Statement":[]}' });
    const { Subscriptions } = await topics.send(new ListSubscriptionsCommand({}));
    expect(Subscriptions?.map(({ Endpoint }) => Endpoint?.split(":").at(-1))).toEqual(["second"]);
    await remove();
    expect((await topics.send(new ListTopicsCommand({}))).Topics ?? []).toEqual([]);
  });
});
