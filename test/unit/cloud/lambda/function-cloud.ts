import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { CreateFunctionCommand, LambdaClient, type CreateFunctionRequest } from "@aws-sdk/client-lambda";
import { SQSClient } from "@aws-sdk/client-sqs";
import { zipSync } from "fflate";
import type { CallRecord } from "../../../../local/cloud/calls.ts";
import { openEndpoint, type Endpoint } from "../../../../local/cloud/endpoint.ts";
import { openIam } from "../../../../local/cloud/iam/index.ts";
import { openOnBehalf } from "../../../../local/cloud/iam/on-behalf.ts";
import { openLambda } from "../../../../local/cloud/lambda/index.ts";
import type { FunctionRuntime } from "../../../../local/cloud/lambda/runtime.ts";
import { openSqs } from "../../../../local/cloud/services/sqs/index.ts";
import { openCloudFormation } from "../../../../local/cloud/stack/index.ts";
import { sdkClient, testWorld, type TestWorld } from "../client.ts";

/** What a function of a test answers; throwing is a failed invocation. */
export type Handler = (event: unknown, world: TestWorld) => unknown;

export const ROLE = "arn:aws:iam::000000000000:role/worker";
export const SQS_RIGHTS = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];

function inProcess(world: TestWorld, handlerOf: (name: string) => Handler): FunctionRuntime {
  return {
    place: () => "/nowhere",
    start: ({ functionName }) => ({
      ready: Promise.resolve(undefined),
      alive: () => true,
      async invoke({ payload }) {
        try {
          const answer: unknown = await handlerOf(functionName)(JSON.parse(payload), world);
          return { payload: JSON.stringify(answer ?? null), memoryUsedMb: 1 };
        } catch (error) {
          return { fault: { errorType: "Error", errorMessage: String(error) }, memoryUsedMb: 1 };
        }
      },
      kill: async () => undefined,
    }),
  };
}

/** Lambda, SQS, CloudFormation and IAM as they are, with rights enforced; functions run as closures of the test. */
export async function functionCloud(handlers: Record<string, Handler> = {}) {
  const world = testWorld();
  const iam = openIam(world);
  const calls: CallRecord[] = [];
  const sqs = openSqs(world, { endpoint: () => "http://127.0.0.1:4566" });
  const onBehalf = openOnBehalf(world, {
    iam,
    endpoint: () => endpoint,
    policyOf: () => undefined,
    profileOf: () => undefined,
    writeLog: () => undefined,
  });
  const lambda = openLambda(world, {
    runtime: inProcess(world, (name) => handlers[name] ?? (() => null)),
    folder: "/nowhere",
    readObject: async () => zipSync({}),
    credentials: onBehalf.functionCredentials,
    writeLog: () => undefined,
    sendMessage: sqs.send,
    queues: { ...onBehalf.queueAccess, visibleAt: sqs.visibleAt, onChange: sqs.onChange, urlOf: sqs.urlOf },
    endpoint: () => "http://127.0.0.1:4566",
  });
  const stack = openCloudFormation(world, {
    call: (...given) => endpoint.callService(...given),
    readTemplate: async () => "",
    endpoint: () => "http://127.0.0.1:4566",
  });
  const endpoint: Endpoint = openEndpoint({
    world,
    services: new Map([iam.service, sqs.service, lambda.service, stack.service].map((one) => [one.id, one])),
    principalOf: iam.principalOf,
    record: (line) => void calls.push(line),
    receive: (request) => stack.receive(request),
    authorize: iam.authorizer({ tagsOf: () => undefined, templateProfile: () => undefined }),
  });
  const operator = iam.addUser("operator", "TEST", "secret");
  const asOperator = (operation: string, input: Record<string, unknown>) =>
    endpoint.callService(operator, "iam", operation, input);
  await asOperator("CreateRole", {
    RoleName: "worker",
    AssumeRolePolicyDocument: JSON.stringify({
      Statement: { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" },
    }),
  });
  const grant = (Action: readonly string[]) =>
    asOperator("PutRolePolicy", {
      RoleName: "worker",
      PolicyName: "own",
      PolicyDocument: JSON.stringify({ Statement: [{ Effect: "Allow", Action, Resource: "*" }] }),
    });
  await grant(SQS_RIGHTS);
  const client = sdkClient(LambdaClient, endpoint.handle);
  return {
    world,
    calls,
    grant,
    lambda: client,
    endpoint,
    sqs: sdkClient(SQSClient, endpoint.handle),
    stacks: sdkClient(CloudFormationClient, endpoint.handle),
    makeFunction: (FunctionName: string, more: Partial<CreateFunctionRequest> = {}) =>
      client.send(
        new CreateFunctionCommand({
          FunctionName,
          Runtime: "nodejs24.x",
          Role: ROLE,
          Handler: "index.handler",
          Timeout: 5,
          Code: { ZipFile: zipSync({}) },
          ...more,
        }),
      ),
  };
}
