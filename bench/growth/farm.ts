import { run } from "../../functions/watch-farm.ts";
import { planCapacity } from "../../lib/fleet/plan.ts";
import { webCapacity } from "../../lib/fleet/web.ts";
import { nodesInNeed, observeNodes } from "../../lib/fleet/nodes.ts";
import type { Report } from "../../lib/look.ts";
import type { Invocation, World } from "../../lib/lookout.ts";
import { openNodeTier } from "../../lib/node-tier.ts";
import { openCloud } from "../../local/cloud/cloud.ts";
import type { CallRecord } from "../../local/cloud/calls.ts";
import { quietParts } from "../../test/contract/quiet-cloud.ts";
import { openChance } from "../../test/simulation/chance.ts";
import { virtualClock } from "../../test/simulation/virtual-clock.ts";
import { requestHandler } from "../../test/simulation/ways.ts";
import type { SimulatedWorld } from "../../test/simulation/world.ts";

const STAGE = "growth";
export const GROUP = `tandem-${STAGE}-web`;
const TABLE = `tandem-${STAGE}-state`;
const WORKERS = 8;
/** The load would do with fewer nodes, and the group's minimum keeps them: nothing is left to do. */
const BUSY = 5;
const SERVICE_SECONDS = 0.2;

const VARIABLES = {
  TANDEM_STAGE: STAGE,
  TANDEM_WORLD: "local",
  AWS_REGION: quietParts.region,
  TANDEM_DB_A: "10.0.255.10",
  TANDEM_DB_B: "10.0.255.11",
  TANDEM_PHP_WORKERS: String(WORKERS),
  TANDEM_TARGET_BUSY_PERCENT: "80",
  TANDEM_SCALE_IN_COOLDOWN_SECONDS: "300",
};

const START_MS = Date.UTC(2026, 0, 15);
/** Longer than an instance is pending, and longer than a group takes to look at what nobody tells it. */
const SETTLED_MS = 10_000;
/** A minute: what Lambda gives to the clock is longer, and a pass with nothing to do needs none of it. */
const REMAINING_MS = 60_000;

/** What one farm of a number of healthy web nodes lets itself be asked. */
export interface GrownFarm {
  /** One pass of the minute clock, as the deployed function makes it, and its calls in the order in which they were answered. */
  pass(answered?: () => void): Promise<{ readonly report: Report; readonly calls: readonly CallRecord[] }>;
  /** Reads what the pass decides on, and gives the deciding alone: how many actions the tier needs, and which nodes a look. */
  observe(): Promise<() => { readonly actions: number; readonly nodes: readonly string[] }>;
  /** A call as the operator, e.g. `("autoscaling", "DescribeAutoScalingGroups", {})`. */
  readonly ask: Ask;
  close(): Promise<void>;
}

/**
 * A group of so many web nodes in service, their metrics of two weeks and the state table, in an embedded cloud that the
 * SDK's own requests reach without a socket. Nothing else of a farm is there: a quiet pass of the clock asks for nothing else.
 */
export async function openGrownFarm(nodes: number): Promise<GrownFarm> {
  const chance = openChance(`growth ${nodes}`);
  const clock = virtualClock(START_MS);
  const power = Promise.withResolvers<void>();
  const record: { calls: CallRecord[]; answered: () => void } = { calls: [], answered: () => undefined };
  const cloud = openCloud({
    ...quietParts,
    clock,
    ids: chance.ids,
    compute: {
      ...quietParts.compute,
      // All come up in the same moment, so that their group looks at them once and not once for each.
      boot: async (spec) => power.promise.then(() => quietParts.compute.boot(spec)),
    },
    functionsFolder: "/growth",
    endpointUrl: () => "http://cloud.growth",
    record(line) {
      record.calls.push(line);
      record.answered();
    },
    note: (message) => {
      throw new Error(message);
    },
  });
  const operator = cloud.iam.addUser("operator", "AKIAGROWTH0000000000", "growth");
  const ask: Ask = (...call) => cloud.endpoint.callService(operator, ...call);
  await createTable(ask);
  await launchNodes(ask, nodes);
  await clock.advance(SETTLED_MS);
  power.resolve();
  await clock.advance(SETTLED_MS);
  await publish(ask, clock.now(), nodes);

  const world: World = {
    clock,
    ids: chance.branch("function").ids,
    variables: VARIABLES,
    connection: {
      region: quietParts.region,
      endpoint: "http://cloud.growth",
      credentials: { accessKeyId: "AKIAGROWTH0000000000", secretAccessKey: "growth" },
      requestHandler: requestHandler(cloud.endpoint.handle),
    },
  };
  const deps = openNodeTier(quietInvocation, world);
  return {
    async pass(answered = () => undefined) {
      record.calls = [];
      record.answered = answered;
      const report = await run(quietInvocation, {}, world);
      record.answered = () => undefined;
      return { report, calls: record.calls };
    },
    async observe() {
      const capacity = await webCapacity(deps, { groupName: GROUP }).observe("web", []);
      const observed = await observeNodes(deps);
      if (observed.instances.length === 0) throw new Error(`there is no group ${GROUP}`);
      return () => ({ actions: planCapacity(capacity).actions.length, nodes: nodesInNeed(observed, 0) });
    },
    ask,
    close: () => cloud.close(),
  };
}

type Ask = SimulatedWorld["ask"];

const quietInvocation: Invocation = {
  requestId: "growth",
  remainingMs: () => REMAINING_MS,
  log: () => undefined,
  count: () => undefined,
  note: () => undefined,
};

const createTable = (ask: Ask): Promise<unknown> =>
  ask("dynamodb", "CreateTable", {
    TableName: TABLE,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "S" },
    ],
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
  });

/** As infra/web.yml, without hooks: the nodes of this farm have been launched long ago. */
async function launchNodes(ask: Ask, nodes: number): Promise<void> {
  const { Vpc } = await ask("ec2", "CreateVpc", { CidrBlock: "10.0.0.0/16" });
  const subnet = async (CidrBlock: string, AvailabilityZone: string): Promise<string> => {
    const { Subnet } = await ask("ec2", "CreateSubnet", { VpcId: Object(Vpc).VpcId, CidrBlock, AvailabilityZone });
    return String(Object(Subnet).SubnetId);
  };
  const subnets = [await subnet("10.0.0.0/18", "eu-west-1a"), await subnet("10.0.64.0/18", "eu-west-1b")];
  const { Images } = await ask("ec2", "DescribeImages", {});
  await ask("ec2", "CreateLaunchTemplate", {
    LaunchTemplateName: GROUP,
    LaunchTemplateData: {
      ImageId: Object(Array.isArray(Images) ? Images[0] : undefined).ImageId,
      InstanceType: "t4g.small",
      BlockDeviceMappings: [{ DeviceName: "/dev/sda1", Ebs: { VolumeType: "gp3", Encrypted: true } }],
    },
  });
  await ask("autoscaling", "CreateAutoScalingGroup", {
    AutoScalingGroupName: GROUP,
    LaunchTemplate: { LaunchTemplateName: GROUP, Version: "$Latest" },
    MinSize: nodes,
    MaxSize: nodes,
    DesiredCapacity: nodes,
    VPCZoneIdentifier: subnets.join(","),
    Tags: [{ Key: "tandem:stage", Value: STAGE, PropagateAtLaunch: true }],
  });
}

const SECOND_MS = 1_000;
const PERIOD_MS = 10 * SECOND_MS;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** What PutMetricData takes in one call. */
const DATUMS_MAX = 1_000;

/** What the nodes have published (infra/nodes/publish.sh): two weeks, three hours by the minute, a minute by ten seconds. */
async function publish(ask: Ask, now: number, nodes: number): Promise<void> {
  const requests = (BUSY * PERIOD_MS) / SECOND_MS / SERVICE_SECONDS;
  const ofNode = { ArrivedRequests: requests, CompletedRequests: requests, BusyWorkers: BUSY, Workers: WORKERS };
  const metrics = Object.entries({ ...ofNode, QueuedRequests: 0, CpuPercent: 20 });
  const spans = [
    { from: now - 14 * DAY_MS + HOUR_MS, to: now - 3 * HOUR_MS, stepMs: 5 * MINUTE_MS },
    { from: now - 3 * HOUR_MS, to: now - 2 * MINUTE_MS, stepMs: MINUTE_MS },
    { from: now - 2 * MINUTE_MS, to: now, stepMs: PERIOD_MS },
  ];
  const MetricData = spans.flatMap(({ from, to, stepMs }) =>
    Array.from({ length: Math.floor((to - from) / stepMs) }, (_, step) =>
      metrics.map(([MetricName, value]) => {
        const SampleCount = (nodes * stepMs) / PERIOD_MS;
        return {
          MetricName,
          Timestamp: new Date(from + step * stepMs),
          StorageResolution: stepMs < MINUTE_MS ? 1 : 60,
          Dimensions: [{ Name: "AutoScalingGroupName", Value: GROUP }],
          StatisticValues: { SampleCount, Sum: value * SampleCount, Minimum: value, Maximum: value },
        };
      }),
    ).flat(),
  );
  for (let first = 0; first < MetricData.length; first += DATUMS_MAX)
    await ask("monitoring", "PutMetricData", {
      Namespace: "Tandem",
      MetricData: MetricData.slice(first, first + DATUMS_MAX),
    });
}
