import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  ListStackResourcesCommand,
  ListStacksCommand,
  UpdateStackCommand,
  type CreateStackCommandInput,
  type Stack,
} from "@aws-sdk/client-cloudformation";
import { CloudError } from "../../../../local/cloud/errors.ts";
import { openIam } from "../../../../local/cloud/iam/index.ts";
import type { CallService, Service, ServiceId } from "../../../../local/cloud/service.ts";
import { openCloudFormation } from "../../../../local/cloud/stack/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

type Input = Readonly<Record<string, unknown>>;

export interface MadeCall {
  readonly name: string;
  readonly input: Input;
}

/** Longer than any wait of the engine in these tests. */
const LONG_MS = 60_000;

/**
 * CloudFormation, spoken to by the SDK's own client, over a world that has IAM (the real one), log groups, queues and
 * parameters. `calls` is what the engine did, `things` what there is afterwards.
 */
export function smallCloud() {
  const world = testWorld();
  const calls: MadeCall[] = [];
  const things = new Set<string>();
  const refusals = new Map<string, (input: Input) => CloudError | undefined>();
  const templates = new Map<string, string>();
  const call: CallService = async (principal, service, operation, input) => {
    const name = `${service}:${operation}`;
    calls.push({ name, input });
    const refusal = refusals.get(name)?.(input);
    if (refusal !== undefined) throw refusal;
    return endpoint.callService(principal, service, operation, input);
  };
  const iam = openIam(world);
  const { service } = openCloudFormation(world, { call, readTemplate: async (url) => templates.get(url) ?? "" });
  const endpoint = testEndpoint(world, service, iam.service, ...simpleServices(things));
  const client = sdkClient(CloudFormationClient, endpoint.handle);

  const settle = (): Promise<void> => world.clock.advance(LONG_MS);
  const stack = async (): Promise<Stack> => {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: "farm" }));
    if (Stacks[0] === undefined) throw new Error("no stack");
    return Stacks[0];
  };
  return {
    client,
    iam,
    calls,
    things,
    templates,
    settle,
    stack,
    /** From now on `name` fails as `refusal` says. */
    refuse: (name: string, refusal: (input: Input) => CloudError | undefined) => void refusals.set(name, refusal),
    allow: (name: string) => void refusals.delete(name),
    /** Creates the stack, or updates it; resolves to its status in the end. */
    async deploy(template: object, more: Partial<CreateStackCommandInput> = {}): Promise<string | undefined> {
      const { StackSummaries = [] } = await client.send(new ListStacksCommand({}));
      const input: CreateStackCommandInput = {
        StackName: "farm",
        TemplateBody: JSON.stringify(template),
        Capabilities: ["CAPABILITY_NAMED_IAM"],
        ...more,
      };
      await client.send(StackSummaries.length > 0 ? new UpdateStackCommand(input) : new CreateStackCommand(input));
      await settle();
      return (await stack()).StackStatus;
    },
    async remove(): Promise<void> {
      await client.send(new DeleteStackCommand({ StackName: "farm" }));
      await settle();
    },
    /** `LogicalId STATUS`, oldest first. */
    async story(): Promise<string[]> {
      const { StackEvents = [] } = await client.send(new DescribeStackEventsCommand({ StackName: "farm" }));
      return StackEvents.toReversed().map((event) => `${event.LogicalResourceId} ${event.ResourceStatus}`);
    },
    async reasons(): Promise<string> {
      const { StackEvents = [] } = await client.send(new DescribeStackEventsCommand({ StackName: "farm" }));
      return StackEvents.flatMap((event) => event.ResourceStatusReason ?? []).join("\n");
    },
    async physicalIds(): Promise<string[]> {
      const { StackResourceSummaries = [] } = await client.send(new ListStackResourcesCommand({ StackName: "farm" }));
      return StackResourceSummaries.map((one) => one.PhysicalResourceId ?? "").toSorted((a, b) => a.localeCompare(b));
    },
    describeChangeSet: () => client.send(new DescribeChangeSetCommand({ StackName: "farm", ChangeSetName: "set" })),
  };
}

/** Just enough of three services to see what is there. */
function simpleServices(things: Set<string>): Service[] {
  const make = (kind: string, name: unknown): void => {
    if (things.has(`${kind} ${String(name)}`))
      throw new CloudError("ResourceAlreadyExistsException", `${String(name)} already exists`);
    things.add(`${kind} ${String(name)}`);
  };
  const drop = (kind: string, name: unknown): void => {
    if (!things.delete(`${kind} ${String(name)}`))
      throw new CloudError("ResourceNotFoundException", `${String(name)} is not there`);
  };
  const service = (id: ServiceId, operations: Record<string, (input: Input) => unknown>): Service => ({
    id,
    operations,
    resourceOf: () => "*",
  });
  return [
    service("logs", {
      CreateLogGroup: (input) => make("log", input["logGroupName"]),
      PutRetentionPolicy: () => ({}),
      DeleteLogGroup: (input) => drop("log", input["logGroupName"]),
    }),
    service("sqs", {
      CreateQueue(input) {
        make("queue", input["QueueName"]);
        return { QueueUrl: input["QueueName"] };
      },
      GetQueueAttributes: (input) => ({
        Attributes: { QueueArn: `arn:aws:sqs:eu-west-1:000000000000:${String(input["QueueUrl"])}` },
      }),
      DeleteQueue: (input) => drop("queue", input["QueueUrl"]),
    }),
    service("ssm", {
      PutParameter: (input) => make("parameter", input["Name"]),
      GetParameter: (input) => ({ Parameter: { Value: `value of ${String(input["Name"])}` } }),
    }),
  ];
}
