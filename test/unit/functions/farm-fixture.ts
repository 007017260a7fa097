import {
  autoScalingClient,
  cloudWatchClient,
  dynamoDbClient,
  ec2Client,
  elastiCacheClient,
  elbv2Client,
  eventBridgeClient,
  secretsManagerClient,
  ssmClient,
  ssmOnceClient,
} from "../../../lib/aws/clients.ts";
import { openFarm, type Farm } from "../../../lib/farm.ts";
import type { JournalLine } from "../../../lib/reconcile/journal.ts";
import { manualClock } from "../manual-clock.ts";
import { readingOnly } from "../database/reading.ts";
import { countingIds } from "../reconcile/loop-fixture.ts";
import { memoryTable } from "../reconcile/memory-table.ts";
import { LOCAL_VARIABLES } from "../trigger/local-spec.ts";

export interface AwsCall {
  /** E.g. `SetDesiredCapacity`. */
  readonly operation: string;
  readonly input: unknown;
}

/** Answers AWS calls by operation name; throwing is the answer of a failing call. */
export type FakeAws = Readonly<Record<string, (input: unknown) => object>>;

const calls: AwsCall[] = [];
let answers: FakeAws = {};

/** From now on every client of this process is answered from `fake`; what it does not know fails the test by name. */
export function fakeAws(fake: FakeAws): readonly AwsCall[] {
  calls.length = 0;
  answers = fake;
  return calls;
}

/** The first step of a client's call, and here the last: nothing is serialised and nothing is sent. */
function answering(_next: unknown, context: { commandName?: string }) {
  return async ({ input }: { input: object }) => {
    const operation = (context.commandName ?? "").replace(/Command$/, "");
    calls.push({ operation, input });
    const known = answers[operation];
    if (known === undefined) throw new Error(`the test does not answer ${operation}`);
    return { output: { $metadata: {}, ...known(input) }, response: {} };
  };
}

Object.assign(process.env, LOCAL_VARIABLES, {
  POWERTOOLS_DEV: "false",
  POWERTOOLS_METRICS_NAMESPACE: "Tandem",
  POWERTOOLS_SERVICE_NAME: "tandem-local",
});
export const clients = {
  autoScaling: autoScalingClient(),
  cloudWatch: cloudWatchClient(),
  ec2: ec2Client(),
  elastiCache: elastiCacheClient(),
  elbv2: elbv2Client(),
  secretsManager: secretsManagerClient(),
  ssm: ssmClient(),
  ssmOnce: ssmOnceClient(),
};
const first = { step: "initialize", priority: "high", name: "fakeAws", override: true } as const;
clients.autoScaling.middlewareStack.add(answering, first);
clients.cloudWatch.middlewareStack.add(answering, first);
clients.ec2.middlewareStack.add(answering, first);
clients.elastiCache.middlewareStack.add(answering, first);
clients.elbv2.middlewareStack.add(answering, first);
clients.secretsManager.middlewareStack.add(answering, first);
clients.ssm.middlewareStack.add(answering, first);
dynamoDbClient().middlewareStack.add(answering, first);
eventBridgeClient().middlewareStack.add(answering, first);

/** A farm on a model of the state table, whose AWS calls are answered by `fakeAws`. */
export function unitFarm(own: { forMs?: number } = {}) {
  const clock = manualClock();
  const table = memoryTable();
  const endsAt = clock.now() + (own.forMs ?? 300_000);
  const counted: string[] = [];
  const noted: string[] = [];
  const logged: JournalLine[] = [];
  const farm: Farm = {
    ...openFarm(
      {
        requestId: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        remainingMs: () => endsAt - clock.now(),
        log: (line) => void logged.push(line),
        count: (metric) => void counted.push(metric),
        note: (message) => void noted.push(message),
      },
      {
        clock,
        ids: countingIds(),
        table,
        databases: readingOnly(async () => ({ unknown: "no server in this test", cause: "silent" })),
      },
    ),
    publish: async () => undefined,
  };
  return { farm, clock, table, counted, noted, logged };
}

export const WEB_NODE = "i-0a1b2c3d4e5f60718";

/** A web group of one node in service, and empty database groups. */
export function quietGroup(own: { desired?: number; lifecycleState?: string; max?: number } = {}): FakeAws {
  const node = { InstanceId: WEB_NODE, LifecycleState: own.lifecycleState ?? "InService", HealthStatus: "Healthy" };
  const group = (name: string, instances: readonly object[]) => ({
    AutoScalingGroupName: name,
    MinSize: 1,
    MaxSize: own.max ?? 4,
    DesiredCapacity: own.desired ?? 1,
    TargetGroupARNs: [],
    SuspendedProcesses: [],
    Instances: instances,
  });
  return {
    DescribeAutoScalingGroups: (input) =>
      JSON.stringify(input).includes("-web")
        ? { AutoScalingGroups: [group("tandem-local-web", [node])] }
        : { AutoScalingGroups: [] },
    DescribeAutoScalingInstances: (input) => ({
      AutoScalingInstances: JSON.stringify(input).includes(WEB_NODE)
        ? [{ ...node, AutoScalingGroupName: "tandem-local-web" }]
        : [],
    }),
    DescribeInstances: () => ({
      Reservations: [{ Instances: [{ InstanceId: WEB_NODE, State: { Name: "running" } }] }],
    }),
    DescribeInstanceRefreshes: () => ({ InstanceRefreshes: [] }),
    DescribeAlarms: () => ({ MetricAlarms: [] }),
    DescribeCacheClusters: () => ({ CacheClusters: [{ CacheNodes: [] }] }),
    GetMetricData: () => ({ MetricDataResults: [] }),
    GetSecretValue: () => ({ SecretString: '{"username":"observer","password":"x"}' }),
    SetDesiredCapacity: () => ({}),
  };
}
