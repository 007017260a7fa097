import { AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import { CloudFrontClient } from "@aws-sdk/client-cloudfront";
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { EC2Client } from "@aws-sdk/client-ec2";
import { ElastiCacheClient } from "@aws-sdk/client-elasticache";
import { ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import { Route53Client } from "@aws-sdk/client-route-53";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SSMClient } from "@aws-sdk/client-ssm";
import { describe, expect, test } from "@jest/globals";
import type { ReadCache } from "../../../lib/cache/memcached.ts";
import type { DatabaseDriver } from "../../../lib/database/driver.ts";
import type { ServerFact } from "../../../lib/database/server.ts";
import { nodesToLookAt } from "../../../lib/fleet/nodes.ts";
import { webCapacity } from "../../../lib/fleet/web.ts";
import { isKnown } from "../../../lib/reconcile/fact.ts";
import { openFreezes } from "../../../lib/reconcile/freeze.ts";
import { openProblems } from "../../../lib/reconcile/problems.ts";
import { openProposals } from "../../../lib/reconcile/proposals.ts";
import { openRequests } from "../../../lib/reconcile/requests.ts";
import { farmStatus, type StatusDeps } from "../../../lib/status.ts";
import { answering, sdkError, type Answers, type Called } from "../answering.ts";
import { manualClock } from "../manual-clock.ts";
import { readingOnly, STATE } from "../database/reading.ts";
import { memoryTable } from "../reconcile/memory-table.ts";
import { localSpec } from "../trigger/local-spec.ts";

const instance = (InstanceId: string, LifecycleState = "InService") => ({
  InstanceId,
  LifecycleState,
  HealthStatus: "Healthy",
});
const GROUPS: Readonly<Record<string, object>> = {
  "tandem-local-web": { Instances: [instance("i-1"), instance("i-2", "Pending:Wait")], TargetGroupARNs: ["arn:web"] },
  "tandem-local-db-a": { Instances: [instance("i-a")] },
  "tandem-local-db-b": { Instances: [] },
};
const machine = (InstanceId: string, PrivateIpAddress: string, pid: string) => ({
  InstanceId,
  PrivateIpAddress,
  State: { Name: "running" },
  LaunchTime: new Date(0),
  Tags: [
    {
      Key: "tandem:pid",
      Value: pid,
    },
  ],
});
const MACHINES = [
  machine("i-1", "127.20.0.11", "4711"),
  machine("i-2", "127.20.1.12", "4712"),
  machine("i-a", "127.99.10.10", "4720"),
];
const asked = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** By id, or by group and state, as a call filters them. */
const chosen = (machines: typeof MACHINES, { Filters: filters }: Record<string, unknown>): typeof MACHINES => {
  const words = JSON.stringify(filters);
  return machines.filter(
    ({ InstanceId: id, State: state }) =>
      words.includes(`"${id}"`) ||
      (words.includes('"tandem-local-web"') && id !== "i-a" && words.includes(`"${state.Name}"`)),
  );
};

const ANSWERS: Answers = {
  DescribeInstanceRefreshes: () => ({ InstanceRefreshes: [] }),
  DescribeAutoScalingGroups: ({ AutoScalingGroupNames: names }) => ({
    AutoScalingGroups: Object.entries(GROUPS).flatMap(([name, group]) =>
      asked(names).includes(name)
        ? [{ AutoScalingGroupName: name, MinSize: 1, MaxSize: 6, DesiredCapacity: 2, ...group }]
        : [],
    ),
  }),
  DescribeInstances: (input) => ({ Reservations: [{ Instances: chosen(MACHINES, input) }] }),
  DescribeTargetHealth: () => ({
    TargetHealthDescriptions: [{ Target: { Id: "i-1" }, TargetHealth: { State: "healthy" } }],
  }),
  DescribeAlarms: () => ({ MetricAlarms: [{ AlarmName: "tandem-local-web-busy", StateValue: "OK" }] }),
  DescribeCacheClusters: () => ({
    CacheClusters: [
      {
        CacheNodes: ["0001", "0002"].map((CacheNodeId, index) => ({
          CacheNodeId,
          CacheNodeStatus: "available",
          Endpoint: { Address: `127.20.1.${index + 4}`, Port: 11_211 },
        })),
      },
    ],
  }),
  GetMetricData: () => ({ MetricDataResults: [{ Id: "m0", Values: [1, 0] }] }),
  GetSecretValue: () => ({ SecretString: '{"username":"observer","password":"secret"}' }),
  GetDistribution: () => ({ Distribution: { DomainName: "127.21.0.10", Status: "Deployed" } }),
  ListInvalidations: () => ({
    InvalidationList: { Items: [{ Id: "I1", Status: "InProgress", CreateTime: new Date(0) }] },
  }),
  GetInvalidation: () => ({ Invalidation: { InvalidationBatch: { Paths: { Items: ["/a", "/b/*"] } } } }),
  ListResourceRecordSets: () => ({
    ResourceRecordSets: [
      { Name: "local.tandem.internal.", Type: "SOA", TTL: 900, ResourceRecords: [{ Value: "ns" }] },
      { Name: "db-a.local.tandem.internal.", Type: "A", TTL: 5, ResourceRecords: [{ Value: "127.99.10.10" }] },
    ],
  }),
};
const WRITER: ServerFact = { known: { ...STATE, readOnly: false, superReadOnly: false, gtid: "u:1-5" } };
const readCache: ReadCache = (_clock, { host, port }) =>
  Promise.resolve(
    host === "127.20.1.4"
      ? { known: { pid: 4730, items: 12, hits: 3, misses: 1 } }
      : { unknown: `${host}:${port}: connect ECONNREFUSED` },
  );

function farm(answers: Answers = {}, read: DatabaseDriver["read"] = readA) {
  const clock = manualClock();
  const table = memoryTable();
  const calls: Called[] = [];
  const all = { ...ANSWERS, ...answers };
  const region = { region: "eu-west-1" };
  const deps: StatusDeps = {
    spec: {
      ...localSpec,
      share: "fs-0a1b.efs.eu-west-1.amazonaws.com:/",
      distribution: "E1",
      privateZone: "Z1",
    },
    clock,
    table,
    databases: readingOnly(read),
    readCache,
    requests: openRequests(table, clock),
    freezes: openFreezes(table, clock),
    problems: openProblems(table, clock),
    proposals: openProposals(table),
    autoScaling: answering(new AutoScalingClient(region), calls, all),
    cloudFront: answering(new CloudFrontClient(region), calls, all),
    cloudWatch: answering(new CloudWatchClient(region), calls, all),
    ec2: answering(new EC2Client(region), calls, all),
    elastiCache: answering(new ElastiCacheClient(region), calls, all),
    elbv2: answering(new ElasticLoadBalancingV2Client(region), calls, all),
    route53: answering(new Route53Client(region), calls, all),
    secretsManager: answering(new SecretsManagerClient(region), calls, all),
    ssm: answering(new SSMClient(region), calls, all),
    ssmOnce: answering(new SSMClient(region), calls, all),
  };
  return { clock, calls, deps };
}

const readA: DatabaseDriver["read"] = (_clock, { host, port }) =>
  Promise.resolve(
    host === "127.99.10.10" ? WRITER : { unknown: `${host}:${port}: connect ECONNREFUSED`, cause: "silent" },
  );

const down = () => {
  throw sdkError("Throttling", "Rate exceeded");
};

describe("the status of a farm", () => {
  test("tells what it read, and what it could not with the reason", async () => {
    const { deps } = farm();
    await deps.problems.set(
      "database",
      [{ code: "replication-not-configured", node: "db-a", detail: "no source", since: 0 }],
      1,
    );

    const status = await farmStatus(deps);

    expect(status).toMatchObject({
      farm: "tandem-local",
      world: "local",
      at: "2026-01-01T00:00:00.000Z",
      frozen: false,
      web: {
        desired: 2,
        min: 1,
        max: 6,
        nodes: [
          {
            id: "i-1",
            state: "InService",
            address: "127.20.0.11",
            pid: 4711,
            health: "healthy",
            mounted: true,
          },
          {
            id: "i-2",
            state: "Pending:Wait",
            address: "127.20.1.12",
            pid: 4712,
            health: "unused",
            mounted: { unknown: "the node has not reported its share in the last 60 s" },
          },
        ],
      },
      database: {
        flavour: "mysql",
        version: "9.7.4",
        mode: "single-writer",
        writer: "db-a",
        problems: [
          {
            code: "replication-not-configured",
            node: "db-a",
            since: "1970-01-01T00:00:00.000Z",
          },
        ],
        nodes: [
          {
            name: "db-a",
            address: "127.99.10.10",
            port: 3306,
            pid: 4720,
            role: "writer",
            readOnly: false,
            gtid: "u:1-5",
          },
          {
            name: "db-b",
            role: { unknown: "127.99.11.10:3306: connect ECONNREFUSED" },
          },
        ],
      },
      cache: {
        nodes: [
          {
            id: "0001",
            state: "available",
            address: "127.20.1.4",
            port: 11_211,
            pid: 4730,
            items: 12,
            hitRatio: 0.75,
          },
          {
            id: "0002",
            items: { unknown: "127.20.1.5:11211: connect ECONNREFUSED" },
            hitRatio: { unknown: "127.20.1.5:11211: connect ECONNREFUSED" },
          },
        ],
      },
      files: { server: "fs-0a1b.efs.eu-west-1.amazonaws.com:/", mounted: 1, of: 2 },
      edge: {
        distribution: { id: "E1", domainName: "127.21.0.10", state: "Deployed" },
        records: [{ name: "db-a.local.tandem.internal", type: "A", ttlSeconds: 5, values: ["127.99.10.10"] }],
        pendingPaths: 2,
        invalidations: [{ id: "I1", createdAt: "1970-01-01T00:00:00.000Z", state: "InProgress" }],
      },
      alarms: [
        {
          name: "tandem-local-web-busy",
          state: "OK",
        },
      ],
      proposals: [],
      requests: [],
    });
    expect(JSON.stringify(status)).not.toContain("secret");
  });

  test("is told even when nothing in AWS answers", async () => {
    const { deps } = farm(Object.fromEntries(Object.keys(ANSWERS).map((name) => [name, down])));

    const status = await farmStatus(deps);

    expect(status.web).toEqual({ unknown: "could not describe group tandem-local-web: Throttling: Rate exceeded" });
    expect(status.alarms).toMatchObject({ unknown: expect.stringContaining("Rate exceeded") });
    expect(status.database.writer).toEqual({ unknown: "not every server could be read" });
    expect(status.requests).toEqual([]);
    expect(status.cache).toMatchObject({ unknown: expect.stringContaining("describe cache cluster tandem-local") });
    expect(status.files).toEqual(status.web);
  });

  test("names freezes and open wishes with their times", async () => {
    const { clock, deps } = farm();
    await deps.freezes.set({ scope: "web", until: clock.now() + 60_000 });
    const times = { createdAt: clock.now(), expiresAt: clock.now() + 60_000 };
    await deps.requests.put({
      id: "r-1",
      scope: "web",
      action: "scale",
      args: { count: 3 },
      state: "pending",
      ...times,
    });

    const status = await farmStatus(deps);

    expect(status.frozen).toEqual([{ scope: "web", until: "2026-01-01T00:01:00.000Z" }]);
    expect(status.requests).toMatchObject([{ id: "r-1", action: "scale", expiresAt: "2026-01-01T00:01:00.000Z" }]);
  });
});

describe("a farm with a warm pool", () => {
  const pool = [
    instance("i-3", "Warmed:Stopped"),
    instance("i-4", "Warmed:Pending:Wait"),
    instance("i-5", "Warmed:Terminating:Wait"),
  ];
  const answers: Answers = {
    DescribeAutoScalingGroups: (input) =>
      JSON.stringify(input).includes("-web")
        ? {
            AutoScalingGroups: [
              {
                AutoScalingGroupName: "tandem-local-web",
                MinSize: 1,
                MaxSize: 6,
                DesiredCapacity: 2,
                ...GROUPS["tandem-local-web"],
                WarmPoolConfiguration: { MinSize: 1 },
              },
            ],
          }
        : (ANSWERS["DescribeAutoScalingGroups"]?.(input) ?? {}),
    DescribeWarmPool: () => ({ Instances: pool }),
    DescribeInstances: (input) => {
      const stopped = { ...machine("i-3", "127.20.1.13", "4713"), State: { Name: "stopped" } };
      return { Reservations: [{ Instances: chosen([...MACHINES, stopped], input) }] };
    },
  };

  test("shows its warm nodes with their state; they need no share", async () => {
    const status = await farmStatus(farm(answers).deps);
    expect(status.web).toMatchObject({
      desired: 2,
      nodes: [
        { id: "i-1" },
        { id: "i-2" },
        { id: "i-3", state: "Warmed:Stopped", health: "unused" },
        { id: "i-4", state: "Warmed:Pending:Wait" },
        { id: "i-5", state: "Warmed:Terminating:Wait" },
      ],
    });
    const nodes = "unknown" in status.web ? [] : status.web.nodes;
    expect(nodes.map(({ pid }) => pid)).toEqual([4711, 4712, undefined, undefined, undefined]);
    expect(status.files).toMatchObject({ of: 2 });
  });

  test("has its warming nodes looked at by the minute clock, and the stopped ones left alone", async () => {
    expect(await nodesToLookAt(farm(answers).deps)).toEqual(["i-2", "i-4", "i-5"]);
  });
});

describe("the capacity of the web tier", () => {
  const values: Readonly<Record<string, number>> = {
    reporters: 2,
    arrived: 40,
    completed: 40,
    busy: 1.5,
    workers: 2,
    queued: 0,
  };
  const metrics: Answers = {
    GetMetricData: ({ EndTime: end }) => ({
      MetricDataResults: Object.entries(values).map(([Id, value]) => ({
        Id,
        Values: [value, value],
        Timestamps: end instanceof Date ? [new Date(end.getTime() - 1e4), new Date(end.getTime() - 2e4)] : [],
      })),
    }),
    SetDesiredCapacity: () => ({}),
  };

  test("is read from the nodes' metrics, period by period", async () => {
    const { clock, deps } = farm(metrics);

    const { samples } = await webCapacity(deps, { groupName: deps.spec.webGroup }).observe("web", []);

    const period = { reporters: 2, arrived: 40, completed: 40, busy: 1.5, workers: 2, queued: 0 };
    expect(isKnown(samples) && samples.known).toEqual([
      { at: clock.now() - 20_000, ...period },
      { at: clock.now() - 10_000, ...period },
    ]);
  });

  const tenure = { fence: 1, isAlive: () => true, renew: async () => true };
  test("is changed by one call, and the change is remembered for the cooldown", async () => {
    const { clock, calls, deps } = farm(metrics);
    const web = webCapacity(deps, { groupName: deps.spec.webGroup });
    const [action] = web.plan(await web.observe("web", [])).actions;

    expect(action).toMatchObject({ kind: "set-desired", from: 2, to: 3 });
    expect(action === undefined ? undefined : [await web.holds(action), await web.apply(action, tenure)]).toEqual([
      true,
      "tandem-local-web wants 3 nodes, it wanted 2",
    ]);
    expect(calls.filter(([name]) => name === "SetDesiredCapacity")).toEqual([
      ["SetDesiredCapacity", { AutoScalingGroupName: "tandem-local-web", DesiredCapacity: 3, HonorCooldown: false }],
    ]);
    expect((await web.observe("web", [])).lastChange).toEqual({ known: { at: clock.now(), from: 2, to: 3 } });
  });
});
