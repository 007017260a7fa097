import {
  CancelCommandCommand,
  CreateDocumentCommand,
  DeleteDocumentCommand,
  DescribeDocumentCommand,
  DescribeInstanceInformationCommand,
  GetCommandInvocationCommand,
  GetDocumentCommand,
  ListCommandInvocationsCommand,
  ListCommandsCommand,
  ListDocumentsCommand,
  SendCommandCommand,
  SSMClient,
  UpdateDocumentCommand,
  UpdateDocumentDefaultVersionCommand,
} from "@aws-sdk/client-ssm";
import { EC2Client } from "@aws-sdk/client-ec2";
import { expect, test } from "@jest/globals";
import type { MachineOutcome } from "../../../../local/cloud/services/ec2/compute.ts";
import { openSsm } from "../../../../local/cloud/services/ssm/index.ts";
import { sdkClient, testEndpoint } from "../client.ts";
import { modelCompute } from "../ec2/model-compute.ts";
import { network, region, template } from "../ec2/region.ts";

const named = (name: string) => expect.objectContaining({ name });
const done = (exitCode: number, stdout = "", stderr = ""): MachineOutcome => ({
  exitCode,
  stdout,
  stderr,
  timedOut: false,
});

/** A region with one instance that is just pending, and the Run Command service. */
async function farm(compute = modelCompute()) {
  const here = region(compute);
  const { world, ec2, events } = here;
  const ssm = openSsm(world, {
    machine: ec2.machine,
    onInstanceChange: ec2.onChange,
    emit: (event) => void events.push(event),
  });
  const endpoint = testEndpoint(world, ec2.service, ssm.service);
  const client = sdkClient(SSMClient, endpoint.handle);
  const { subnetId } = await network(sdkClient(EC2Client, endpoint.handle));
  const launchTemplateId = await template(here.client, {});
  const launch = async () => (await ec2.launch({ launchTemplateId, subnetId, tags: { Name: "web" } })).instanceId;
  const instanceId = await launch();
  const send = async (commands: string[], more = {}) => {
    const { Command } = await client.send(
      new SendCommandCommand({
        DocumentName: "AWS-RunShellScript",
        InstanceIds: [instanceId],
        Parameters: { commands },
        ...more,
      }),
    );
    return Command?.CommandId ?? "";
  };
  const outcome = (CommandId: string, InstanceId = instanceId) =>
    client.send(new GetCommandInvocationCommand({ CommandId, InstanceId }));
  return { ...here, client, instanceId, launch, send, outcome };
}

/** The same, once the agent has registered. */
async function ready(compute = modelCompute()) {
  const here = await farm(compute);
  await here.world.clock.advance(2000);
  return here;
}

const document = (line: string, parameters = {}) =>
  JSON.stringify({
    schemaVersion: "2.2",
    parameters,
    mainSteps: [
      { action: "aws:runShellScript", name: "run", inputs: { timeoutSeconds: "60", runCommand: ["set -e", line] } },
    ],
  });

test("an instance takes commands only after its agent has registered, and none once its power is gone", async () => {
  const { client, ec2, instanceId, send, world } = await farm();
  const ping = async () => {
    const { InstanceInformationList } = await client.send(
      new DescribeInstanceInformationCommand({ Filters: [{ Key: "InstanceIds", Values: [instanceId] }] }),
    );
    return InstanceInformationList?.[0]?.PingStatus;
  };

  await world.clock.advance(300); // it runs, but its agent has not called yet
  const early = await ping();
  await expect(send(["true"])).rejects.toEqual(named("InvalidInstanceId"));
  await world.clock.advance(1000);
  const online = await ping();
  await send(["true"]);
  await ec2.terminate(instanceId);
  const late = await ping();

  expect([early, online, late]).toEqual([undefined, "Online", "ConnectionLost"]);
  await expect(send(["true"])).rejects.toEqual(named("InvalidInstanceId"));
});

test("a command to a machine that is cut off waits and is then delivered, and its agent is lost after five minutes", async () => {
  const { client, compute, instanceId, outcome, send, world } = await ready();
  const machine = compute.machines.get(instanceId);
  if (machine === undefined) throw new Error("no machine");
  const ping = async () =>
    (await client.send(new DescribeInstanceInformationCommand({}))).InstanceInformationList?.[0]?.PingStatus;

  machine.cutOffSince = world.clock.now();
  const waiting = await send(["true"]);
  const tooLate = await send(["true"], { TimeoutSeconds: 30 });
  await world.clock.advance(40_000);
  const early = await ping();
  const delivered = machine.commands.length;
  const [whileCut, timedOut] = await Promise.all([outcome(waiting), outcome(tooLate)]);
  machine.cutOffSince = undefined;
  await world.clock.advance(1000);
  const after = await outcome(waiting);
  machine.cutOffSince = world.clock.now();
  await world.clock.advance(300_001);

  expect([early, delivered, whileCut.Status]).toEqual(["Online", 0, "Pending"]);
  expect(timedOut).toMatchObject({ Status: "TimedOut", StatusDetails: "DeliveryTimedOut" });
  expect([after.Status, machine.commands.length]).toEqual(["Success", 1]);
  expect(await ping()).toBe("ConnectionLost");
  await expect(send(["true"])).rejects.toEqual(named("InvalidInstanceId"));
});

test("a command that ends while its machine is cut off reports it when the machine is heard again", async () => {
  let finish = (_outcome: MachineOutcome): void => undefined;
  const { compute, instanceId, outcome, send, world } = await ready(
    modelCompute(() => new Promise((resolve) => (finish = resolve))),
  );
  const machine = compute.machines.get(instanceId);
  if (machine === undefined) throw new Error("no machine");
  const id = await send(["true"]);
  await world.clock.advance(200);

  machine.cutOffSince = world.clock.now();
  finish(done(0));
  await world.clock.advance(5000);
  const meanwhile = await outcome(id);
  machine.cutOffSince = undefined;
  await world.clock.advance(500);

  expect(meanwhile.Status).toBe("InProgress");
  expect((await outcome(id)).Status).toBe("Success");
});

test("a command passes through its states, with its output and an event for each", async () => {
  let finish = (_outcome: MachineOutcome): void => undefined;
  const { client, events, instanceId, outcome, send, world } = await ready(
    modelCompute(() => new Promise((resolve) => (finish = resolve))),
  );
  events.length = 0;

  const id = await send(["echo hello", "echo again"]);
  await expect(outcome(id)).rejects.toEqual(named("InvocationDoesNotExist"));
  await world.clock.advance(60);
  const pending = await outcome(id);
  await world.clock.advance(60);
  const running = await outcome(id);
  finish(done(0, "x".repeat(30_000), "y".repeat(9000)));
  await world.clock.advance(1);
  const ended = await outcome(id);

  expect(pending).toMatchObject({ Status: "Pending", ResponseCode: -1 });
  expect(running).toMatchObject({ Status: "InProgress", PluginName: "runShellScript", ResponseCode: -1 });
  expect(ended).toMatchObject({ Status: "Success", StatusDetails: "Success", ResponseCode: 0 });
  expect(ended.StandardOutputContent).toHaveLength(24_000);
  expect(ended.StandardErrorContent).toHaveLength(8000);
  const invocationEvents = events.filter((event) => event.detailType.includes("Invocation"));
  expect(invocationEvents.map((event) => event.detail["status"])).toEqual(["Pending", "InProgress", "Success"]);
  expect(invocationEvents[0]).toMatchObject({
    source: "aws.ssm",
    detail: { "command-id": id, "instance-id": instanceId, "document-name": "AWS-RunShellScript" },
  });
  expect(events.filter((event) => event.detailType === "EC2 Command Status-change Notification")).toHaveLength(3);
  const { Commands } = await client.send(new ListCommandsCommand({ CommandId: id }));
  expect(Commands).toMatchObject([{ Status: "Success", TargetCount: 1, CompletedCount: 1, ErrorCount: 0 }]);
});

test("a script that fails has its exit code and what it said", async () => {
  const { client, outcome, send, world, compute, instanceId } = await ready(
    modelCompute(async () => done(10, "out", "bad\n")),
  );

  const id = await send(["exit 10"], { Parameters: { commands: ["cd /", "exit 10"], workingDirectory: ["/tmp"] } });
  await world.clock.advance(200);

  expect(await outcome(id)).toMatchObject({
    Status: "Failed",
    ResponseCode: 10,
    StandardErrorContent: "bad\nfailed to run commands: exit status 10",
  });
  expect(compute.machines.get(instanceId)?.commands[0]?.script).toBe("cd '/tmp' || exit 1\ncd /\nexit 10");
  const { CommandInvocations } = await client.send(new ListCommandInvocationsCommand({ CommandId: id, Details: true }));
  expect(CommandInvocations?.[0]?.CommandPlugins).toMatchObject([{ Name: "runShellScript", ResponseCode: 10 }]);
});

test("a document runs with its parameters, and only with values that it allows", async () => {
  const { client, compute, instanceId, send, world } = await ready();
  const parameters = {
    deadlineSeconds: { type: "String", default: "60", allowedPattern: "^[0-9]{1,4}$" },
    mode: { type: "String", allowedValues: ["fast", "slow"], default: "fast" },
  };
  const Content = document('drain "{{ deadlineSeconds }}" {{mode}} {{ unknown }}', parameters);
  await client.send(new CreateDocumentCommand({ Name: "drain", Content, DocumentType: "Command" }));
  const sendDrain = (Parameters: Record<string, string[]>) => send([], { DocumentName: "drain", Parameters });

  await sendDrain({ deadlineSeconds: ["5"] });
  await world.clock.advance(200);

  const [command] = compute.machines.get(instanceId)?.commands ?? [];
  expect(command).toMatchObject({ script: 'set -e\ndrain "5" fast {{ unknown }}', timeoutMs: 60_000 });
  await expect(sendDrain({ deadlineSeconds: ["5; rm"] })).rejects.toEqual(named("InvalidParameters"));
  await expect(sendDrain({ mode: ["odd"] })).rejects.toEqual(named("InvalidParameters"));
  await expect(sendDrain({ other: ["1"] })).rejects.toEqual(named("InvalidParameters"));
  await expect(send([], { DocumentName: "none" })).rejects.toEqual(named("InvalidDocument"));
});

test("a new version of a document runs only once it is the default", async () => {
  const { client, compute, instanceId, send, world } = await ready();
  await client.send(new CreateDocumentCommand({ Name: "launch", Content: document("one") }));

  const update = new UpdateDocumentCommand({ Name: "launch", Content: document("two"), DocumentVersion: "$LATEST" });
  await client.send(update);
  await expect(client.send(update)).rejects.toEqual(named("DuplicateDocumentContent"));
  const run = async () => {
    await send([], { DocumentName: "launch", Parameters: {} });
    await world.clock.advance(200);
  };
  await run();
  await client.send(new UpdateDocumentDefaultVersionCommand({ Name: "launch", DocumentVersion: "2" }));
  await run();

  expect(compute.machines.get(instanceId)?.commands.map((one) => one.script)).toEqual(["set -e\none", "set -e\ntwo"]);
  const { Document } = await client.send(new DescribeDocumentCommand({ Name: "launch" }));
  expect(Document).toMatchObject({
    DefaultVersion: "2",
    LatestVersion: "2",
    Status: "Active",
    DocumentType: "Command",
  });
  const { Content } = await client.send(new GetDocumentCommand({ Name: "launch", DocumentVersion: "1" }));
  expect(Content).toContain("one");
  const list = await client.send(new ListDocumentsCommand({ Filters: [{ Key: "Owner", Values: ["Self"] }] }));
  expect(list.DocumentIdentifiers?.map((one) => one.Name)).toEqual(["launch"]);
  await client.send(new DeleteDocumentCommand({ Name: "launch" }));
  await expect(client.send(new GetDocumentCommand({ Name: "launch" }))).rejects.toEqual(named("InvalidDocument"));
});

test("a document that this world cannot run is refused when it is created", async () => {
  const { client } = await farm();
  const create = (Content: string) => client.send(new CreateDocumentCommand({ Name: "some", Content }));

  await expect(create("not json")).rejects.toEqual(named("InvalidDocumentContent"));
  await expect(create('{"schemaVersion":"1.2"}')).rejects.toEqual(named("InvalidDocumentSchemaVersion"));
  const other = document("x").replace("aws:runShellScript", "aws:configurePackage");
  await expect(create(other)).rejects.toMatchObject({
    name: "InvalidDocumentContent",
    message: expect.stringContaining("aws:configurePackage"),
  });
});

test("a machine that dies ends its commands as undeliverable", async () => {
  const { compute, ec2, instanceId, launch, outcome, send, world } = await ready(
    modelCompute(() => new Promise(() => undefined)),
  );
  const other = await launch();
  await world.clock.advance(1000);

  const running = await send(["sleep 9999"]);
  await world.clock.advance(200);
  compute.machines.get(instanceId)?.die("power");
  const waiting = await send(["true"], { InstanceIds: [other] });
  await ec2.terminate(other);
  await world.clock.advance(200);

  expect(await outcome(running)).toMatchObject({ Status: "Failed", StatusDetails: "Undeliverable", ResponseCode: -1 });
  expect(await outcome(waiting, other)).toMatchObject({ Status: "Failed", StatusDetails: "Undeliverable" });
});

test("a command that is too slow times out, even if its machine never says so", async () => {
  const { outcome, send, world, compute, instanceId } = await ready(modelCompute(() => new Promise(() => undefined)));

  const id = await send([], { Parameters: { commands: ["sleep 60"], executionTimeout: ["5"] } });
  await world.clock.advance(20_000);

  expect(compute.machines.get(instanceId)?.commands[0]?.timeoutMs).toBe(5000);
  expect(await outcome(id)).toMatchObject({
    Status: "TimedOut",
    StatusDetails: "ExecutionTimedOut",
    ResponseCode: 137,
  });
});

test("a command can be cancelled before and while it runs", async () => {
  const compute = modelCompute(
    ({ signal }) =>
      new Promise((resolve) => {
        signal?.addEventListener("abort", () =>
          resolve({ exitCode: null, stdout: "begun", stderr: "", timedOut: false }),
        );
      }),
  );
  const { client, outcome, send, world } = await ready(compute);

  const running = await send(["sleep 60"]);
  await world.clock.advance(200);
  const waiting = await send(["sleep 60"]);
  for (const CommandId of [running, waiting]) await client.send(new CancelCommandCommand({ CommandId }));
  await world.clock.advance(200);

  expect(await outcome(running)).toMatchObject({ Status: "Cancelled", StandardOutputContent: "begun" });
  expect(await outcome(waiting)).toMatchObject({ Status: "Cancelled", ResponseCode: -1 });
  const unknown = new CancelCommandCommand({ CommandId: "00000000-0000-4000-8000-000000000000" });
  await expect(client.send(unknown)).rejects.toEqual(named("InvalidCommandId"));
});

test("limits of SendCommand: 50 instances, delivery timeout, and something to run on", async () => {
  const { send } = await ready();

  const many = Array.from({ length: 51 }, (_, index) => `i-${index}`);
  await expect(send(["true"], { InstanceIds: many })).rejects.toEqual(named("ValidationException"));
  await expect(send(["true"], { TimeoutSeconds: 5 })).rejects.toEqual(named("ValidationException"));
  await expect(send(["true"], { InstanceIds: [] })).rejects.toEqual(named("ValidationException"));
});

test("a target by tag reaches every instance that is online", async () => {
  const { client, launch, send, world } = await ready();
  await launch();
  await world.clock.advance(1000);

  const CommandId = await send(["true"], { InstanceIds: undefined, Targets: [{ Key: "tag:Name", Values: ["web"] }] });
  await world.clock.advance(200);

  const { CommandInvocations } = await client.send(new ListCommandInvocationsCommand({ CommandId }));
  expect(CommandInvocations?.map((one) => one.Status)).toEqual(["Success", "Success"]);
});
