import { describe, expect, test } from "@jest/globals";
import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  SetDesiredCapacityCommand,
} from "@aws-sdk/client-auto-scaling";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { CloudError } from "../../../../local/cloud/errors.ts";
import type { Operation, Service } from "../../../../local/cloud/service.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const autoscaling = (operations: Record<string, Operation>): Service => ({
  id: "autoscaling",
  operations,
  resourceOf: () => "arn:aws:autoscaling:eu-west-1:000000000000:autoScalingGroup:*",
});

const form = (fields: Record<string, string>, accessKeyId?: string) => ({
  method: "POST",
  url: "/",
  headers: {
    "Content-Type": "application/x-www-form-urlencoded",
    ...(accessKeyId && {
      Authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20260101/eu-west-1/autoscaling/aws4_request, Signature=0`,
    }),
  },
  body: Buffer.from(new URLSearchParams(fields).toString()),
});

describe("the endpoint", () => {
  test("gives a handler the input that the SDK was given and gives the SDK what the handler returns", async () => {
    // Prepare
    const seen: unknown[] = [];
    const world = testWorld();
    const endpoint = testEndpoint(
      world,
      autoscaling({
        DescribeAutoScalingGroups: (input: { AutoScalingGroupNames?: string[] }) => {
          seen.push(input);
          return { AutoScalingGroups: [{ AutoScalingGroupName: "F-web", MinSize: 1, CreatedTime: new Date(0) }] };
        },
      }),
    );
    // Act
    const client = sdkClient(AutoScalingClient, endpoint.handle);
    const answer = await client.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: ["F-web"] }));
    // Assert
    expect(seen).toEqual([{ AutoScalingGroupNames: ["F-web"] }]);
    expect(answer.AutoScalingGroups).toEqual([{ AutoScalingGroupName: "F-web", MinSize: 1, CreatedTime: new Date(0) }]);
    expect(endpoint.calls).toEqual([
      {
        at: "2026-01-01T00:00:00.000Z",
        principal: "arn:aws:iam::000000000000:user/operator",
        service: "autoscaling",
        operation: "DescribeAutoScalingGroups",
        resource: "arn:aws:autoscaling:eu-west-1:000000000000:autoScalingGroup:*",
        decision: "unenforced",
        status: 200,
      },
    ]);
  });

  test("answers an operation that it lacks with an error that names it", async () => {
    const endpoint = testEndpoint(testWorld(), autoscaling({}));
    const client = sdkClient(AutoScalingClient, endpoint.handle);
    const call = client.send(new SetDesiredCapacityCommand({ AutoScalingGroupName: "F-web", DesiredCapacity: 2 }));
    await expect(call).rejects.toMatchObject({
      name: "NotImplemented",
      message: expect.stringContaining("autoscaling: SetDesiredCapacity"),
      $metadata: { httpStatusCode: 501 },
    });
    expect(endpoint.calls[0]).toMatchObject({ status: 501, error: "NotImplemented" });
  });

  test("answers a whole service that it lacks with an error that names it", async () => {
    const endpoint = testEndpoint(testWorld());
    const call = sdkClient(SSMClient, endpoint.handle).send(new GetParameterCommand({ Name: "a" }));
    await expect(call).rejects.toMatchObject({
      name: "NotImplemented",
      message: expect.stringContaining("ssm: GetParameter"),
    });
  });

  test("refuses an unknown access key before it looks at the request", async () => {
    const endpoint = testEndpoint(testWorld(), autoscaling({}));
    const answer = await endpoint.handle(form({ Action: "SetDesiredCapacity" }, "STRANGER"));
    expect(answer.status).toBe(403);
    expect(answer.body.toString()).toContain("<Code>InvalidClientTokenId</Code>");
    expect(endpoint.calls[0]).toMatchObject({ principal: "STRANGER", error: "InvalidClientTokenId" });
  });

  test("refuses an unsigned request", async () => {
    const endpoint = testEndpoint(testWorld(), autoscaling({}));
    const answer = await endpoint.handle(form({ Action: "SetDesiredCapacity" }));
    expect(answer.status).toBe(403);
    expect(answer.body.toString()).toContain("<Code>MissingAuthenticationToken</Code>");
  });

  test("names the required member that is missing", async () => {
    const endpoint = testEndpoint(testWorld(), autoscaling({}));
    const answer = await endpoint.handle(form({ Action: "SetDesiredCapacity", AutoScalingGroupName: "F-web" }, "TEST"));
    expect(answer.status).toBe(400);
    expect(answer.body.toString()).toMatch(/<Code>ValidationError<\/Code>.*DesiredCapacity/);
    expect(endpoint.calls[0]).toMatchObject({ operation: "SetDesiredCapacity", error: "ValidationError" });
  });

  test("turns a bug of a handler into InternalFailure and tells the operator", async () => {
    const world = testWorld();
    const endpoint = testEndpoint(
      world,
      autoscaling({
        SetDesiredCapacity: () => {
          throw new TypeError("no such group table");
        },
      }),
    );
    const answer = await endpoint.handle(
      form({ Action: "SetDesiredCapacity", AutoScalingGroupName: "F-web", DesiredCapacity: "1" }, "TEST"),
    );
    expect(answer.status).toBe(500);
    expect(answer.body.toString()).toContain("<Code>InternalFailure</Code>");
    expect(world.notes[0]).toContain("no such group table");
  });

  test("serves a call in process through the same handler, with scalars in the types of the schema", async () => {
    const endpoint = testEndpoint(
      testWorld(),
      autoscaling({ SetDesiredCapacity: (input: Record<string, unknown>) => ({ echo: input }) }),
    );
    const cloudformation = { arn: "cloudformation.amazonaws.com", account: "000000000000" };
    const output = await endpoint.callService(cloudformation, "autoscaling", "SetDesiredCapacity", {
      AutoScalingGroupName: "F-web",
      DesiredCapacity: "3",
    });
    expect(output).toEqual({ echo: { AutoScalingGroupName: "F-web", DesiredCapacity: 3 } });
    expect(endpoint.calls[0]).toMatchObject({ principal: "cloudformation.amazonaws.com", status: 200 });
    await expect(endpoint.callService(cloudformation, "autoscaling", "SetDesiredCapacity", {})).rejects.toThrow(
      CloudError,
    );
  });
});
