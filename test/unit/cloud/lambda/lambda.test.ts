import { afterAll, describe, expect, test } from "@jest/globals";
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetPolicyCommand,
  InvokeCommand,
  LambdaClient,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  PutFunctionEventInvokeConfigCommand,
  RemovePermissionCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  type CreateFunctionRequest,
} from "@aws-sdk/client-lambda";
import { strToU8, zipSync } from "fflate";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLambda } from "../../../../local/cloud/lambda/index.ts";
import type { EnvironmentSpec, FunctionRuntime, Invocation, Outcome } from "../../../../local/cloud/lambda/runtime.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-lambda-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ARN = "arn:aws:lambda:eu-west-1:000000000000:function:panel";
const QUEUE = "arn:aws:sqs:eu-west-1:000000000000:dead";
const zip = (text: string): Uint8Array => zipSync({ "index.js": [strToU8(text), { mtime: "2026-01-01T00:00:00Z" }] });
const PANEL: CreateFunctionRequest = {
  FunctionName: "panel",
  Runtime: "nodejs24.x",
  Role: "arn:aws:iam::000000000000:role/panel",
  Handler: "index.handler",
  Timeout: 5,
  Code: { ZipFile: zip("one") },
};

/** Runs a function of this test in place of a process. */
function inProcess(
  handler: (invocation: Invocation, spec: EnvironmentSpec) => Promise<Outcome>,
): FunctionRuntime & { readonly started: EnvironmentSpec[]; killed: number } {
  const started: EnvironmentSpec[] = [];
  const runtime = {
    started,
    killed: 0,
    start(spec: EnvironmentSpec) {
      started.push(spec);
      const dead = Promise.withResolvers<Outcome>();
      return {
        ready: Promise.resolve(undefined),
        alive: () => true,
        invoke: (invocation: Invocation) => Promise.race([handler(invocation, spec), dead.promise]),
        async kill() {
          runtime.killed += 1;
          dead.resolve({ fault: { errorType: "Runtime.ExitError", errorMessage: "killed" }, memoryUsedMb: 1 });
        },
      };
    },
  };
  return runtime;
}
const echo = async ({ payload }: Invocation): Promise<Outcome> => ({ payload, memoryUsedMb: 50 });
const throws = async (): Promise<Outcome> => ({ fault: { errorType: "Error", errorMessage: "no" }, memoryUsedMb: 50 });

const open = (handler: (invocation: Invocation, spec: EnvironmentSpec) => Promise<Outcome> = echo) => {
  const world = testWorld();
  const runtime = inProcess(handler);
  const sent: { queue: string; body: string; attributes: unknown }[] = [];
  const logged: string[] = [];
  const lambda = openLambda(world, {
    runtime,
    folder,
    readObject: async (bucket, key) => zip(`${bucket}/${key}`),
    credentials: () => ({
      accessKeyId: "a",
      secretAccessKey: "s",
      sessionToken: "t",
      expiration: world.clock.now() + 3600_000,
    }),
    writeLog: (_group, _stream, lines) => logged.push(...lines.map((line) => line.message)),
    sendMessage: async (queue, body, attributes) => void sent.push({ queue, body, attributes }),
    endpoint: () => "http://127.0.0.1:4566",
  });
  const client = sdkClient(LambdaClient, testEndpoint(world, lambda.service).handle);
  return { world, runtime, lambda, client, sent, logged };
};
const answerOf = (output: { Payload?: { transformToString(): string } | undefined }): unknown =>
  JSON.parse(output.Payload?.transformToString() ?? "");

describe("a function", () => {
  test("is created from an object of S3 and shows true times and hashes", async () => {
    const { world, client } = open();
    const created = await client.send(
      new CreateFunctionCommand({
        ...PANEL,
        Code: { S3Bucket: "artefacts", S3Key: "panel.zip" },
        Tags: { farm: "tandem" },
      }),
    );
    await world.clock.advance(60_000);
    const updated = await client.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: ARN,
        MemorySize: 256,
        Environment: { Variables: { A: "1" } },
      }),
    );

    const shown = await client.send(new GetFunctionCommand({ FunctionName: "panel" }));

    expect(created).toMatchObject({
      FunctionArn: ARN,
      LastModified: "2026-01-01T00:00:00.000+0000",
      Version: "$LATEST",
      State: "Active",
      CodeSha256: createHash("sha256").update(zip("artefacts/panel.zip")).digest("base64"),
    });
    expect(updated.RevisionId).not.toBe(created.RevisionId);
    expect(shown).toMatchObject({
      Configuration: {
        LastModified: "2026-01-01T00:01:00.000+0000",
        MemorySize: 256,
        Timeout: 5,
        Environment: { Variables: { A: "1" } },
      },
      Code: { Location: "http://127.0.0.1:4566/artefacts/panel.zip" },
      Tags: { farm: "tandem" },
    });
  });

  test("publishes a version only when something has changed, and an alias follows it", async () => {
    const { client } = open(async ({ invokedFunctionArn }) => ({
      payload: JSON.stringify(invokedFunctionArn),
      memoryUsedMb: 1,
    }));
    await client.send(new CreateFunctionCommand(PANEL));
    const versions = [
      await client.send(new PublishVersionCommand({ FunctionName: "panel" })),
      await client.send(new PublishVersionCommand({ FunctionName: "panel" })),
    ];
    await client.send(new UpdateFunctionCodeCommand({ FunctionName: "panel", ZipFile: zip("two") }));
    versions.push(await client.send(new PublishVersionCommand({ FunctionName: "panel" })));
    await client.send(new CreateAliasCommand({ FunctionName: "panel", Name: "live", FunctionVersion: "2" }));

    const invoked = await client.send(new InvokeCommand({ FunctionName: "panel", Qualifier: "live" }));
    const listed = await client.send(new ListVersionsByFunctionCommand({ FunctionName: "panel" }));

    expect(versions.map((version) => version.Version)).toEqual(["1", "1", "2"]);
    expect([invoked.ExecutedVersion, answerOf(invoked)]).toEqual(["2", `${ARN}:live`]);
    expect(listed.Versions?.map((version) => version.FunctionArn)).toEqual([`${ARN}:$LATEST`, `${ARN}:1`, `${ARN}:2`]);
  });

  test("lets others in by its policy, statement by statement", async () => {
    const { client } = open();
    await client.send(new CreateFunctionCommand(PANEL));
    const statement = {
      FunctionName: "panel",
      StatementId: "bus",
      Action: "lambda:InvokeFunction",
      Principal: "events.amazonaws.com",
      SourceArn: "arn:aws:events:eu-west-1:000000000000:rule/r",
    };
    await client.send(new AddPermissionCommand(statement));

    await expect(client.send(new AddPermissionCommand(statement))).rejects.toMatchObject({
      name: "ResourceConflictException",
    });
    const policy: unknown = JSON.parse(
      (await client.send(new GetPolicyCommand({ FunctionName: "panel" }))).Policy ?? "",
    );
    await client.send(new RemovePermissionCommand({ FunctionName: "panel", StatementId: "bus" }));

    expect(policy).toMatchObject({
      Statement: [
        {
          Sid: "bus",
          Principal: { Service: "events.amazonaws.com" },
          Resource: ARN,
          Condition: { ArnLike: { "AWS:SourceArn": statement.SourceArn } },
        },
      ],
    });
    await expect(client.send(new GetPolicyCommand({ FunctionName: "panel" }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
  });

  test.each<[string, Partial<CreateFunctionRequest>, string]>([
    [
      "a runtime that is not known",
      { Runtime: "python3.13" },
      "Runtime python3.13: the embedded cloud runs nodejs24.x and nodejs22.x",
    ],
    ["a reserved variable", { Environment: { Variables: { AWS_REGION: "x" } } }, "AWS_REGION"],
    ["a timeout that is too long", { Timeout: 901 }, "Timeout 901: must be between 1 and 900"],
    ["layers", { Layers: ["arn:aws:lambda:eu-west-1:000000000000:layer:l:1"] }, "Layers"],
    [
      "a file system",
      { FileSystemConfigs: [{ Arn: "arn:aws:elasticfilesystem:x", LocalMountPath: "/mnt/x" }] },
      "FileSystemConfigs",
    ],
    ["what is no zip", { Code: { ZipFile: Buffer.from("no") } }, "Could not unzip"],
    [
      "a zip that reaches outside",
      { Code: { ZipFile: zipSync({ "../../evil.js": strToU8("x") }) } },
      "outside of itself",
    ],
  ])("with %s is refused by name", async (_name, change, words) => {
    const { client } = open();

    await expect(client.send(new CreateFunctionCommand({ ...PANEL, ...change }))).rejects.toThrow(words);
  });

  test("that is gone is named as such", async () => {
    const { client } = open();
    await client.send(new CreateFunctionCommand(PANEL));
    await client.send(new DeleteFunctionCommand({ FunctionName: "panel" }));

    await expect(client.send(new InvokeCommand({ FunctionName: "panel" }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
      message: `Function not found: ${ARN}`,
    });
  });
});

describe("an invocation", () => {
  test("uses a warm environment, a new one after an update, and lets idle ones go", async () => {
    const { world, client, runtime } = open();
    await client.send(new CreateFunctionCommand(PANEL));
    const invoke = () =>
      client.send(new InvokeCommand({ FunctionName: "panel", Payload: Buffer.from('{"a":1}'), LogType: "Tail" }));

    const first = await invoke();
    await invoke();
    await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: "panel", MemorySize: 512 }));
    await invoke();
    await world.clock.advance(6 * 60_000);
    await invoke();

    expect(answerOf(first)).toEqual({ a: 1 });
    expect(Buffer.from(first.LogResult ?? "", "base64").toString()).toMatch(
      /^START RequestId: .*\nEND RequestId: .*\nREPORT RequestId: .*Init Duration/,
    );
    expect(runtime.started.map((spec) => spec.memoryMb)).toEqual([128, 512, 512]);
    expect(runtime.killed).toBe(2);
  });

  test("that takes too long is killed by the world's clock", async () => {
    const { world, client, runtime, logged } = open(() => new Promise(() => undefined));
    await client.send(new CreateFunctionCommand(PANEL));

    const invoking = client.send(new InvokeCommand({ FunctionName: "panel" }));
    await world.clock.advance(5000);
    const output = await invoking;

    expect(output.FunctionError).toBe("Unhandled");
    expect(answerOf(output)).toEqual({
      errorType: "Sandbox.Timedout",
      errorMessage: expect.stringContaining("Task timed out after 5.00 seconds"),
    });
    expect(logged.at(-1)).toContain("Duration: 5000.00 ms\tBilled Duration: 5000 ms");
    expect(runtime.killed).toBeGreaterThan(0);
  });

  test("beyond what the cloud can run at once is throttled", async () => {
    const { client, lambda } = open(() => new Promise(() => undefined));
    await client.send(new CreateFunctionCommand(PANEL));
    const waiting = Array.from({ length: 40 }, () => client.send(new InvokeCommand({ FunctionName: "panel" })));
    await new Promise((resolve) => setImmediate(resolve));

    await expect(client.send(new InvokeCommand({ FunctionName: "panel" }))).rejects.toMatchObject({
      name: "TooManyRequestsException",
      Reason: "ConcurrentInvocationLimitExceeded",
    });
    await lambda.service.close?.();
    await Promise.all(waiting);
  });

  test("of what is no JSON is refused", async () => {
    const { client } = open();
    await client.send(new CreateFunctionCommand(PANEL));

    await expect(
      client.send(new InvokeCommand({ FunctionName: "panel", Payload: Buffer.from("{") })),
    ).rejects.toMatchObject({ name: "InvalidRequestContentException" });
  });
});

describe("an event", () => {
  test("that fails is tried again after one and two minutes, then goes to the dead letters", async () => {
    const at: number[] = [];
    const { world, client, sent } = open(async () => {
      at.push(world.clock.now() - Date.UTC(2026, 0, 1));
      return throws();
    });
    await client.send(new CreateFunctionCommand({ ...PANEL, DeadLetterConfig: { TargetArn: QUEUE } }));

    const accepted = await client.send(
      new InvokeCommand({ FunctionName: "panel", InvocationType: "Event", Payload: Buffer.from('{"scope":"web"}') }),
    );
    await world.clock.advance(600_000);

    expect(accepted.StatusCode).toBe(202);
    expect(at).toEqual([0, 60_000, 180_000]);
    expect(sent).toEqual([
      {
        queue: QUEUE,
        body: '{"scope":"web"}',
        attributes: {
          RequestID: { DataType: "String", StringValue: expect.any(String) },
          ErrorCode: { DataType: "Number", StringValue: "200" },
          ErrorMessage: { DataType: "String", StringValue: "no" },
        },
      },
    ]);
  });

  test("without retries goes to the destination of failures at once", async () => {
    const { world, client, lambda, sent } = open(throws);
    await client.send(new CreateFunctionCommand(PANEL));
    await client.send(
      new PutFunctionEventInvokeConfigCommand({
        FunctionName: "panel",
        MaximumRetryAttempts: 0,
        DestinationConfig: { OnFailure: { Destination: QUEUE } },
      }),
    );

    await lambda.invokeAsync(ARN, { scope: "web" }, "test");
    await world.clock.advance(1);

    expect(JSON.parse(sent[0]?.body ?? "")).toEqual({
      version: "1.0",
      timestamp: "2026-01-01T00:00:00.000Z",
      requestContext: {
        requestId: expect.any(String),
        functionArn: `${ARN}:$LATEST`,
        condition: "RetriesExhausted",
        approximateInvokeCount: 1,
      },
      requestPayload: { scope: "web" },
      responseContext: { statusCode: 200, executedVersion: "$LATEST", functionError: "Unhandled" },
      responsePayload: { errorType: "Error", errorMessage: "no" },
    });
  });

  test("that can no longer be delivered in its age is dropped, and the operator is told", async () => {
    const { world, client, lambda, sent } = open(throws);
    await client.send(new CreateFunctionCommand(PANEL));
    await client.send(new PutFunctionEventInvokeConfigCommand({ FunctionName: "panel", MaximumEventAgeInSeconds: 60 }));

    await lambda.invokeAsync(ARN, {}, "test");
    await world.clock.advance(600_000);

    expect(sent).toEqual([]);
    expect(world.notes).toEqual([expect.stringContaining("is dropped (EventAgeExceeded) after 2 failures: no")]);
  });
});
