import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import * as z from "zod";
import { isoTime } from "../../lib/clock.ts";
import { callLog } from "../cloud/calls.ts";
import { wallCloudClock } from "../cloud/clock.ts";
import { openCloud, type Cloud } from "../cloud/cloud.ts";
import { listenHttp, type HttpListener } from "../cloud/http.ts";
import { randomIds } from "../cloud/ids.ts";
import { processRuntime } from "../cloud/lambda/process-runtime.ts";
import type { Principal } from "../cloud/service.ts";
import { httpProxy } from "./balancer/index.ts";
import { httpCdn } from "./cdn/index.ts";
import { openControl } from "./control.ts";
import { deploy } from "./deploy.ts";
import { openDns } from "./dns.ts";
import { openPairFaults } from "./faults/index.ts";
import { realProber } from "./health-prober.ts";
import { openSandboxes } from "./instance/compute.ts";
import { sweepLeftovers } from "./instance/registry.ts";
import { heldWhileCutOff } from "./isolation.ts";
import { followMachines, type FarmMachines } from "./machines.ts";
import { openCacheServers } from "./memcached.ts";
import type { FarmPaths } from "./paths.ts";
import { realPost } from "./post.ts";
import { openRelays, type Relays } from "./relay.ts";
import { openShares, servedFolder } from "./shares.ts";
import { removeState, writeEnvironment, writeState, type Flavour } from "./state.ts";

const ACCOUNT = "000000000000";
const REGION = "eu-west-1";
const STAGE = "local";
const HOST = "127.0.0.1";
/** Boot, launch hook and the balancer's first probes of all nodes; a farm that needs longer is broken. */
const READY_SECONDS_MAX = 120;

export interface Farm {
  readonly site: string;
  close(): Promise<void>;
}

export interface FarmOptions {
  readonly flavour: Flavour;
  readonly web: number;
  readonly port: number;
  readonly paths: FarmPaths;
  readonly projectRoot: string;
  readonly signal: AbortSignal;
  progress(line: string): void;
}

/** Starts the embedded cloud with its machines and deploys the farm to it. Resolves when the site answers. */
export async function openFarm(options: FarmOptions): Promise<Farm> {
  const { paths, progress } = options;
  const startedAtMs = wallCloudClock.now();
  requireFlavour(options);
  const swept = sweepLeftovers(paths.machineRegistry);
  if (swept.length > 0) progress(`ended what a crashed farm left: ${swept.join(", ")}`);
  removeState(paths);

  let machines: FarmMachines | undefined;
  const relays = openRelays({ groupOf: (address) => machines?.groupOf(address) });
  const cloud = startCloud(options, relays);
  machines = followMachines(cloud.ec2, STAGE, paths.machines);
  const addresses = new Map<string, string>();
  cloud.ec2.onChange(({ instanceId, privateIpAddress, state }) => {
    if (state === "terminated" || privateIpAddress === undefined) addresses.delete(instanceId);
    else addresses.set(instanceId, privateIpAddress);
  });
  const closers: (() => Promise<void> | void)[] = [() => cloud.close()];
  const close = async (): Promise<void> => {
    removeState(paths);
    for (const each of closers.toReversed()) await each();
  };
  try {
    const { operator, environment } = addOperator(cloud, options);
    cloud.ec2.onChange(({ instanceId, state }) => {
      if (state === "running") tagWithPid(cloud, operator, instanceId, progress);
    });
    const pair = openPairFaults({
      ...{ machines, relays, clock: wallCloudClock, note: progress },
      account: (name) => readAccount(cloud, operator, name),
    });
    const room = { cloud, machines, pair, accessKeyId: environment["AWS_ACCESS_KEY_ID"] ?? "" };
    const server = await listen(room, options.port, environment["AWS_SECRET_ACCESS_KEY"] ?? "");
    closers.push(() => pair.close());
    closers.push(() => server.close());
    const dns = await openDns(cloud.dns.answer, HOST, 0);
    closers.push(() => dns.close());
    writeEnvironment(paths, environment);
    progress(`endpoint http://${HOST}:${options.port} (account ${ACCOUNT}, ${REGION})`);

    await deploy({ projectRoot: options.projectRoot, environment, log: progress, signal: options.signal });
    const site = await siteUrl(cloud, operator);
    const edge = await stackOutput(cloud, operator, "StaticUrl");
    await untilServing(cloud, operator, site, options);

    const publish = (): void =>
      writeState(paths, {
        pid: process.pid,
        startedAt: isoTime(startedAtMs),
        flavour: options.flavour,
        stage: STAGE,
        region: REGION,
        account: ACCOUNT,
        endpoint: `http://${HOST}:${options.port}`,
        site,
        edge: edge ?? null,
        page: null,
        dns: { address: HOST, port: dns.port, zones: cloud.dns.zones() },
        addresses: Object.fromEntries(addresses),
        logs: paths.log,
      });
    publish();
    cloud.ec2.onChange(publish);
    progress(`every node serves after ${((wallCloudClock.now() - startedAtMs) / 1000).toFixed(1)} s`);
    return { site, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function requireFlavour({ flavour, paths }: FarmOptions): void {
  if (flavour === "mysql" || existsSync(join(paths.opt, "bin/mariadbd"))) return;
  throw new Error(
    "this machine has no MariaDB and its package sources offered none: install MariaDB 10.11 or newer so that it is on PATH, " +
      "remove .tandem/opt/stamp.json, start again",
  );
}

function startCloud(options: FarmOptions, relays: Relays): Cloud {
  const { paths, port } = options;
  const machines = {
    clock: wallCloudClock,
    ids: randomIds,
    relays,
    folder: paths.machines,
    logFolder: paths.machineLogs,
    runFolder: paths.machineRegistry,
    programs: join(paths.opt, "bin"),
    path: process.env["PATH"] ?? "/usr/bin:/bin",
    image: join(paths.opt, "image"),
    shares: servedFolder(paths.share),
    endpointUrl: () => `http://${HOST}:${port}`,
  };
  return openCloud({
    account: ACCOUNT,
    region: REGION,
    clock: wallCloudClock,
    ids: randomIds,
    compute: openSandboxes(machines),
    cacheServers: openCacheServers(machines),
    shares: openShares(paths.share),
    runtime: processRuntime(),
    proxy: httpProxy(),
    edge: httpCdn({ note: options.progress }),
    healthProber: realProber,
    post: realPost,
    functionsFolder: paths.functions,
    endpointUrl: () => `http://${HOST}:${port}`,
    record: callLog(paths.callsLog),
    note: (message) => options.progress(`cloud: ${message}`),
  });
}

/** The operator's keys: new at every start, known to this endpoint only. */
function addOperator(cloud: Cloud, options: FarmOptions): { operator: Principal; environment: Record<string, string> } {
  const accessKeyId = `AKIA${randomIds.hex(16).toUpperCase()}`;
  const secretAccessKey = createHash("sha256").update(randomBytes(32)).digest("hex").slice(0, 40);
  const operator = cloud.iam.addUser("operator", accessKeyId, secretAccessKey);
  return {
    operator,
    environment: {
      AWS_ENDPOINT_URL: `http://${HOST}:${options.port}`,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: REGION,
      AWS_DEFAULT_REGION: REGION,
      TANDEM_STAGE: STAGE,
      TANDEM_LOCAL_WEB: String(options.web),
      TANDEM_LOCAL_FLAVOUR: options.flavour,
      // The framework polls a deployment every 5 s unless told otherwise: right for AWS, slow for a local stack.
      SLS_AWS_MONITORING_FREQUENCY: "300",
    },
  };
}

/** The pid of a machine's first process, where the status looks for it. AWS has no such thing, hence a tag. */
function tagWithPid(cloud: Cloud, operator: Principal, instanceId: string, progress: (line: string) => void): void {
  const Tags = [{ Key: "tandem:pid", Value: String(cloud.ec2.machine(instanceId)?.pid ?? "") }];
  cloud.endpoint
    .callService(operator, "ec2", "CreateTags", { Resources: [instanceId], Tags })
    .catch((error: unknown) => progress(`cloud: ${instanceId} got no tag with its pid: ${String(error)}`));
}

/** Name and password of a database account. In process: the password leaves this farm's memory by no wire. */
async function readAccount(cloud: Cloud, operator: Principal, name: string) {
  const answer = await cloud.endpoint.callService(operator, "secretsmanager", "GetSecretValue", {
    SecretId: `tandem/${STAGE}/database/${name}`,
  });
  return z.object({ username: z.string(), password: z.string() }).parse(JSON.parse(String(answer["SecretString"])));
}

/** The AWS endpoint, and beside it the door for faults. */
async function listen(room: Parameters<typeof openControl>[0], port: number, secret: string): Promise<HttpListener> {
  const control = openControl(room, secret);
  const { cloud } = room;
  const answer = heldWhileCutOff(cloud, wallCloudClock, (request) => cloud.endpoint.handle(request));
  try {
    return await listenHttp(async (request) => (await control(request)) ?? answer(request), HOST, port);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
      throw new Error(`port ${port} on ${HOST} is in use: stop what uses it, or choose another with --port`, {
        cause: error,
      });
    }
    throw error;
  }
}

async function siteUrl(cloud: Cloud, operator: Principal): Promise<string> {
  const found = await stackOutput(cloud, operator, "SiteUrl");
  if (found === undefined) throw new Error("the stack has no output SiteUrl: see infra/web.yml");
  return found;
}

async function stackOutput(cloud: Cloud, operator: Principal, key: string): Promise<string | undefined> {
  const answer = await cloud.endpoint.callService(operator, "cloudformation", "DescribeStacks", {
    StackName: `tandem-${STAGE}`,
  });
  const stacks = answer["Stacks"];
  const outputs: unknown = Array.isArray(stacks) ? stacks[0]?.Outputs : undefined;
  const found: unknown = Array.isArray(outputs)
    ? outputs.find((each) => each.OutputKey === key)?.OutputValue
    : undefined;
  return typeof found === "string" ? found : undefined;
}

/** Waits until every wanted node is in service, the site answers through the balancer and the databases are a whole pair. */
async function untilServing(cloud: Cloud, operator: Principal, site: string, options: FarmOptions): Promise<void> {
  let told = "";
  for (const deadline = wallCloudClock.now() + READY_SECONDS_MAX * 1000; wallCloudClock.now() < deadline;) {
    options.signal.throwIfAborted();
    const states = await nodeStates(cloud, operator);
    const line = states.map(([name, state]) => `${name} ${state}`).join(", ");
    if (line !== told) options.progress(`nodes: ${line}`);
    told = line;
    const serving = states.filter(([name, state]) => name === "web" && state === "InService").length;
    if (serving >= options.web && (await answers(site)) && (await pairIsWhole(cloud, operator))) return;
    await sleep(200, undefined, { signal: options.signal });
  }
  throw new Error(
    `the site did not answer within ${READY_SECONDS_MAX} s (nodes: ${told}); see the consoles in ${options.paths.machineLogs}`,
  );
}

async function nodeStates(cloud: Cloud, operator: Principal): Promise<[string, string][]> {
  const answer = await cloud.endpoint.callService(operator, "autoscaling", "DescribeAutoScalingInstances", {});
  const instances = answer["AutoScalingInstances"];
  return (Array.isArray(instances) ? instances : []).map((each): [string, string] => [
    String(each.AutoScalingGroupName).replace(`tandem-${STAGE}-`, ""),
    String(each.LifecycleState),
  ]);
}

/** The controller's word, in the state table: the peer holds every acknowledged write. */
async function pairIsWhole(cloud: Cloud, operator: Principal): Promise<boolean> {
  const answer = await cloud.endpoint.callService(operator, "dynamodb", "GetItem", {
    TableName: `tandem-${STAGE}-state`,
    Key: { pk: { S: "database" }, sk: { S: "pair" } },
    ConsistentRead: true,
  });
  const pair: unknown = Object(Object(answer["Item"]).pair).M;
  return Object(Object(pair).peerEligible).BOOL === true;
}

async function answers(site: string): Promise<boolean> {
  try {
    const response = await fetch(site);
    await response.arrayBuffer();
    return response.ok && response.headers.has("x-tandem-node");
  } catch {
    return false;
  }
}
