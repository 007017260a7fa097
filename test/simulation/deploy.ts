import { zipSync } from "fflate";
import type { CallService, Principal } from "../../local/cloud/service.ts";
import type { Template } from "./template.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** NAT gateways are the slowest resource of a farm; a stack that takes longer hangs. */
const DEPLOY_MS_MAX = 30 * 60_000;
const LOOK_MS = 1_000;
const BUCKET = "ServerlessDeploymentBucket";
const Capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];

/** Where the code of a function without its package stands: the simulation runs it from its sources. */
const EMPTY_PACKAGE = zipSync({ "simulation.txt": Buffer.from("this function runs from its sources") });

/** As the Serverless Framework deploys: a stack of the bucket, then an update to the whole template. */
export async function deploy(
  call: CallService,
  operator: Principal,
  clock: VirtualClock,
  stackName: string,
  template: Template,
): Promise<void> {
  const { cloudFormation, untilDone } = stackOf(call, operator, clock, stackName);
  const first = Object.fromEntries(Object.entries(template.Resources).filter(([id]) => id === BUCKET));
  if (Object.keys(first).length === 0) {
    await cloudFormation("CreateStack", { TemplateBody: JSON.stringify(template), Capabilities });
    return untilDone();
  }
  await cloudFormation("CreateStack", { TemplateBody: JSON.stringify({ Resources: first }), Capabilities });
  await untilDone();
  await redeploy(call, operator, clock, stackName, template);
}

/** The packages, then a change set of the whole template. */
export async function redeploy(
  call: CallService,
  operator: Principal,
  clock: VirtualClock,
  stackName: string,
  template: Template,
): Promise<void> {
  const { cloudFormation, untilDone } = stackOf(call, operator, clock, stackName);
  const { StackResourceDetail } = await cloudFormation("DescribeStackResource", { LogicalResourceId: BUCKET });
  const bucket = String(Object(StackResourceDetail).PhysicalResourceId);
  const put = (key: string, body: Uint8Array): Promise<unknown> =>
    call(operator, "s3", "PutObject", { Bucket: bucket, Key: key, Body: body });
  for (const key of codeKeys(template)) await put(key, EMPTY_PACKAGE);
  const templateKey = "serverless/template.json";
  await put(templateKey, Buffer.from(JSON.stringify(template)));
  const ChangeSetName = `${stackName}-change-set`;
  const TemplateURL = `https://s3.amazonaws.com/${bucket}/${templateKey}`;
  await cloudFormation("CreateChangeSet", { ChangeSetName, ChangeSetType: "UPDATE", TemplateURL, Capabilities });
  await clock.advance(LOOK_MS);
  await cloudFormation("ExecuteChangeSet", { ChangeSetName });
  await clock.advance(LOOK_MS);
  return untilDone();
}

function stackOf(call: CallService, operator: Principal, clock: VirtualClock, StackName: string) {
  const cloudFormation: Ask = (operation, input) =>
    call(operator, "cloudformation", operation, { StackName, ...input });
  const untilDone = async (): Promise<void> => {
    for (const deadline = clock.now() + DEPLOY_MS_MAX; clock.now() < deadline; await clock.advance(LOOK_MS)) {
      const status = await statusOf(cloudFormation);
      if (status.endsWith("_COMPLETE") && !status.includes("ROLLBACK")) return;
      if (!status.endsWith("_IN_PROGRESS")) throw new Error(`the stack is ${status}: ${await reasons(cloudFormation)}`);
    }
    throw new Error(`the stack takes more than ${DEPLOY_MS_MAX / 60_000} minutes`);
  };
  return { cloudFormation, untilDone };
}

function codeKeys(template: Template): string[] {
  const keys = Object.values(template.Resources).flatMap(({ Type, Properties }) =>
    Type === "AWS::Lambda::Function" ? [Object(Properties?.["Code"]).S3Key] : [],
  );
  return [...new Set(keys.filter((key): key is string => typeof key === "string"))];
}

type Ask = (operation: string, input: Record<string, unknown>) => Promise<Record<string, unknown>>;

async function statusOf(cloudFormation: Ask): Promise<string> {
  const { Stacks } = await cloudFormation("DescribeStacks", {});
  return String(Object(Array.isArray(Stacks) ? Stacks[0] : undefined).StackStatus);
}

/** What failed, oldest first. */
async function reasons(cloudFormation: Ask): Promise<string> {
  const events: unknown[] = [];
  let NextToken: unknown;
  do {
    const page = await cloudFormation("DescribeStackEvents", NextToken === undefined ? {} : { NextToken });
    if (Array.isArray(page["StackEvents"])) events.push(...page["StackEvents"]);
    NextToken = page["NextToken"];
  } while (NextToken !== undefined);
  return events
    .map((event) => Object(event))
    .filter((event) => String(event.ResourceStatus).endsWith("FAILED"))
    .map((event) => `${event.LogicalResourceId}: ${event.ResourceStatusReason}`)
    .toReversed()
    .join("; ");
}
