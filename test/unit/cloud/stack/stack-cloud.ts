import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from "@aws-sdk/client-cloudformation";
import type { CallService, Service } from "../../../../local/cloud/service.ts";
import { openCloudFormation } from "../../../../local/cloud/stack/index.ts";
import { sdkClient, testEndpoint, type TestWorld } from "../client.ts";

/** Longer than any wait of the services in these tests. */
const LONG_MS = 60_000;

/** CloudFormation over some real services of one world. */
export function stackCloud(world: TestWorld, ...services: readonly Service[]) {
  const call: CallService = (...given) => endpoint.callService(...given);
  const endpoint = testEndpoint(
    world,
    openCloudFormation(world, { call, readTemplate: async () => "" }).service,
    ...services,
  );
  const stacks = sdkClient(CloudFormationClient, endpoint.handle);
  const look = async (StackName: string) => {
    const { Stacks = [] } = await stacks.send(new DescribeStacksCommand({ StackName }));
    const { StackEvents = [] } = await stacks.send(new DescribeStackEventsCommand({ StackName }));
    const reasons = StackEvents.flatMap((event) => event.ResourceStatusReason ?? []);
    const outputs = Object.fromEntries((Stacks[0]?.Outputs ?? []).map((one) => [one.OutputKey, one.OutputValue]));
    /** `LogicalId STATUS`, oldest first. */
    const story = StackEvents.toReversed().map((event) => `${event.LogicalResourceId} ${event.ResourceStatus}`);
    return { status: Stacks[0]?.StackStatus, outputs, reasons, story };
  };
  const begin = async (command: "create" | "update", template: object, StackName: string): Promise<void> => {
    const input = { StackName, TemplateBody: JSON.stringify(template) };
    await stacks.send(command === "create" ? new CreateStackCommand(input) : new UpdateStackCommand(input));
  };
  return {
    endpoint,
    stacks,
    look,
    begin,
    async run(command: "create" | "update", template: object, StackName = "farm") {
      await begin(command, template, StackName);
      await world.clock.advance(LONG_MS);
      return look(StackName);
    },
    async remove(StackName = "farm"): Promise<void> {
      await stacks.send(new DeleteStackCommand({ StackName }));
      await world.clock.advance(LONG_MS);
    },
  };
}
