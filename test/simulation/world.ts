import { assert } from "../../lib/assert.ts";
import { dynamoDbClient } from "../../lib/aws/clients.ts";
import { openTable, type Table } from "../../lib/aws/table.ts";
import type { Flavour } from "../../lib/database/server.ts";
import type { DatabaseNode } from "../../lib/spec.ts";
import { openJournal, type JournalLine } from "../../lib/reconcile/journal.ts";
import type { FarmStatus } from "../../lib/status.ts";
import type { CallRecord } from "../../local/cloud/calls.ts";
import { openCloud, type Cloud } from "../../local/cloud/cloud.ts";
import type { Around } from "../../local/cloud/endpoint.ts";
import type { ApiFault, EventFault } from "../../local/cloud/faults/index.ts";
import type { Principal } from "../../local/cloud/service.ts";
import { serviceIds, serviceSchema } from "../../local/cloud/wire/schema.ts";
import { memoryTable } from "../unit/reconcile/memory-table.ts";
import { openChance } from "./chance.ts";
import { deploy, redeploy } from "./deploy.ts";
import { openDisturbances, type Disturbance } from "./faults.ts";
import { functionRuntime, loadCode, type Way } from "./functions.ts";
import { isWeb, modelMachines, type Machines, type ModelMachine } from "./machines.ts";
import { openDatabases, type Databases } from "./pair/databases.ts";
import { isDatabaseNode } from "./pair/pair.ts";
import { watchStore, type ToldOfPair } from "./pair/store.ts";
import { modelCacheServers, modelShares } from "./stores.ts";
import { packagedTemplate, type Template } from "./template.ts";
import { modelTraffic, type Load, type Metrics } from "./traffic.ts";
import { virtualClock, type VirtualClock } from "./virtual-clock.ts";
import { direct, overTheWire, requestHandler, type WayParts } from "./ways.ts";
import { openWitness, type Witness } from "./witness.ts";

/** A fault of the cloud; always and without end unless it says otherwise. */
type CloudFault<F> = F extends unknown ? Omit<F, "rate" | "forMs"> & { rate?: number; forMs?: number } : never;

export type Fault =
  | CloudFault<ApiFault>
  | CloudFault<EventFault>
  | Disturbance
  /** The machine's host is lost. */
  | { readonly kind: "kill"; readonly instanceId: string }
  /** What EC2 and AWS Health do on their own account (local/cloud/services/ec2/interruption.ts). */
  | { readonly kind: "spot-warning" | "rebalance" | "stop"; readonly instanceId: string }
  | { readonly kind: "health"; readonly instanceId: string; readonly inMs: number }
  /** No node publishes metrics. */
  | { readonly kind: "silence"; readonly forMs: number }
  | ({ readonly kind: "load" } & Partial<Load>)
  /** Ends whatever lasts; what is dead stays dead. */
  | { readonly kind: "heal" };

/** One farm with its whole cloud, on virtual time, from one seed. */
export interface SimulatedWorld {
  now(): number;
  /** Puts an envelope on the default bus; anything else is given to `functionName`, as its event source would. */
  deliver(event: unknown, functionName?: string): Promise<void>;
  advance(ms: number): Promise<void>;
  /** Advances in steps until `what` holds; throws after `ms`, naming `goal`. */
  until(goal: string, what: () => boolean | Promise<boolean>, ms: number): Promise<void>;
  fault(fault: Fault): void;
  /** What `tandem status --json` prints. */
  status(): Promise<FarmStatus>;
  /** Deploys another template over the one that runs; resolves when the stack is updated. */
  redeploy(template: Template): Promise<void>;
  /** Invokes a function and waits for its answer. Throws when the function fails. */
  invoke(functionName: string, payload: unknown): Promise<unknown>;
  /** Every call to the cloud so far. */
  calls(): readonly CallRecord[];
  /** The whole journal, oldest line first. */
  journal(): Promise<readonly JournalLine[]>;
  /** A call as the operator, e.g. `("autoscaling", "DescribeAutoScalingGroups", {})`. */
  ask: (
    ...call: Parameters<Cloud["endpoint"]["callService"]> extends [Principal, ...infer Rest] ? Rest : never
  ) => Promise<Record<string, unknown>>;
  readonly machines: ReadonlyMap<string, ModelMachine>;
  readonly databases: Databases;
  /** What the controller tells people of the pair: problems and proposals, as it last wrote them down. */
  told(): ToldOfPair;
  readonly clock: VirtualClock;
  /** What the functions did, seen from outside. */
  readonly witness: Witness;
  /** What the services of the cloud told the operator. */
  readonly notes: readonly string[];
  readonly stage: string;
  /** Timers that wait and that have fired. */
  timers(): { readonly pending: number; readonly fired: number };
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly seed: string | number;
  /** Absent: the farm's own, packaged for stage `local`. */
  readonly template?: Template;
  /**
   * How functions reach the cloud (ways.ts): `all` by the SDK's requests, the state table included; `calls` so but for
   * the table, which is a model; `none` without the wire protocols, thirty times cheaper than `all`.
   */
  readonly wire?: "all" | "calls" | "none";
  /** Of the database servers. */
  readonly flavour?: Flavour;
}

const ACCOUNT = "000000000000";
const REGION = "eu-west-1";
const START_MS = Date.UTC(2026, 0, 1);
const OPERATOR_KEY = "AKIASIMULATION000000";
/** An invocation that an operator waits for. */
const ANSWER_MS_MAX = 300_000;
const STEP_MS = 100;
/** More than any test writes. */
const JOURNAL_LINES_MAX = 1_000_000;

/** Deploys the template into a new cloud; resolves when the stack is complete. Nodes may still be on their way. */
export async function openWorld({
  seed,
  template: given,
  wire = "calls",
  flavour = "mysql",
}: WorldOptions): Promise<SimulatedWorld> {
  const template = given ?? (await packagedTemplate());
  // Loaded in the middle of the first world, they would put what happens at one moment in another order than in later ones.
  await Promise.all(serviceIds.map(serviceSchema));
  const chance = openChance(seed);
  const clock = virtualClock(START_MS);
  const databases = openDatabases({ clock, chance: chance.branch("databases"), flavour });
  const disturbances = openDisturbances(clock, chance.branch("faults"));
  const witness = openWitness(clock, () => clock.now() - traffic.publishedAt());
  const calls: CallRecord[] = [];
  const notes: string[] = [];

  const put = async (machine: ModelMachine, metrics: Metrics): Promise<void> => {
    const credentials = machine.spec.metadata.credentials();
    const principal = credentials === undefined ? undefined : cloud.iam.principalOf(credentials.accessKeyId);
    if (principal === undefined) throw new Error(`${machine.id} has no role to publish with`);
    const Dimensions = [{ Name: "AutoScalingGroupName", Value: `tandem-${stageOf(template)}-${machine.node}` }];
    const MetricData = Object.entries(metrics).map(([MetricName, Value]) => ({
      MetricName,
      Value,
      StorageResolution: 1,
      Dimensions,
    }));
    await cloud.endpoint.callService(principal, "monitoring", "PutMetricData", { Namespace: "Tandem", MetricData });
  };
  const traffic = modelTraffic({ clock, machines: () => machines, put });
  const machines: Machines = modelMachines({
    clock,
    chance: chance.branch("machines"),
    databases,
    mishap: disturbances.mishap,
    booted: (machine) => (isWeb(machine) ? traffic.publish(machine) : undefined),
  });
  const ways: WayParts = {
    clock,
    endpoint: () => cloud.endpoint,
    faults: () => cloud.faults,
    principalOf: (accessKeyId) => cloud.iam.principalOf(accessKeyId),
    through(environment, operation, perform) {
      const ended = witness.calling(operation);
      return disturbances.through(environment, operation, perform).finally(ended);
    },
  };
  const items = memoryTable();
  const { table, told } = watchStore(witness.watch(items), databases.pair.witness);
  const around: Around = (call, perform) => {
    for (const node of fencedFromOutside(call, machines))
      databases.pair.witness.fencedFromOutside(databases.pair.state(), node);
    return witness.around(call, perform);
  };
  const cloud: Cloud = openCloud({
    account: ACCOUNT,
    region: REGION,
    clock,
    ids: chance.branch("cloud").ids,
    compute: machines,
    runtime: functionRuntime({
      clock,
      chance: chance.branch("functions"),
      code: await loadCode(handlersOf(template)),
      databases: databases.driverFor,
      async respond(url, body) {
        const answer = await cloud.endpoint.handle({ method: "PUT", url, headers: {}, body: Buffer.from(body) });
        assert(answer.status === 200, `the stack took the response, not ${answer.status}`);
      },
      way: wayOf(wire, ways, table),
      journalled: witness.journalled,
      failed: witness.failed,
      invoked: witness.invoked,
      counted: witness.counting,
    }),
    proxy: traffic.proxy,
    healthProber: traffic.healthProber,
    cacheServers: modelCacheServers(),
    shares: modelShares(),
    functionsFolder: "/simulation",
    endpointUrl: () => "http://cloud.simulation",
    around,
    record: (line) => void calls.push(line),
    note: (message) => void notes.push(message),
  });
  const operator = cloud.iam.addUser("operator", OPERATOR_KEY, "simulation");
  const stage = stageOf(template);
  await deploy(cloud.endpoint.callService, operator, clock, `tandem-${stage}`, template);

  const ask: SimulatedWorld["ask"] = (...call) => cloud.endpoint.callService(operator, ...call);
  const world: SimulatedWorld = {
    now: clock.now,
    advance: clock.advance,
    ask,
    witness,
    notes,
    stage,
    machines: machines.all,
    databases,
    told,
    clock,
    calls: () => calls,
    timers: () => ({ pending: clock.pending(), fired: clock.fired() }),
    async deliver(event, functionName) {
      if (functionName === undefined) cloud.bus.deliver(event);
      else
        await ask("lambda", "Invoke", {
          FunctionName: functionName,
          InvocationType: "Event",
          Payload: Buffer.from(JSON.stringify(event)),
        });
      await clock.settle();
    },
    redeploy: (next) => redeploy(cloud.endpoint.callService, operator, clock, `tandem-${stage}`, next),
    async until(goal, what, ms) {
      for (const deadline = clock.now() + ms; !(await what()); await clock.advance(STEP_MS * 10))
        if (clock.now() >= deadline) throw new Error(`not within ${ms / 1000} s of virtual time: ${goal}`);
    },
    fault(fault) {
      if ("on" in fault) return void cloud.faults.inject({ rate: 1, forMs: Infinity, ...fault });
      switch (fault.kind) {
        case "kill":
          return machines.all.get(fault.instanceId)?.die("host lost");
        case "spot-warning":
          return cloud.ec2.interruptions.spotWarning(fault.instanceId);
        case "rebalance":
          return cloud.ec2.interruptions.rebalance(fault.instanceId);
        case "health":
          return cloud.ec2.interruptions.health(fault.instanceId, fault.inMs);
        case "stop":
          return void cloud.ec2.stop(fault.instanceId);
        case "silence":
          traffic.silentUntil = clock.now() + fault.forMs;
          return undefined;
        case "load": {
          const { kind: _, ...load } = fault;
          traffic.load = { ...traffic.load, ...load };
          return undefined;
        }
        case "heal":
          disturbances.heal();
          cloud.faults.heal();
          traffic.silentUntil = 0;
          return undefined;
        default:
          return disturbances.add(fault);
      }
    },
    async invoke(functionName, payload) {
      const asked = ask("lambda", "Invoke", {
        FunctionName: functionName,
        Payload: Buffer.from(JSON.stringify(payload)),
      });
      const state = { answered: false };
      const note = (): void => {
        state.answered = true;
      };
      asked.then(note, note);
      await clock.settle();
      for (const deadline = clock.now() + ANSWER_MS_MAX; !state.answered && clock.now() < deadline;)
        await clock.advance(STEP_MS);
      if (!state.answered) throw new Error(`${functionName} does not answer`);
      const answer = await asked;
      const text = Buffer.from(bytesOf(answer["Payload"])).toString("utf8");
      if (answer["FunctionError"] !== undefined) throw new Error(`${functionName} failed: ${text}`);
      return JSON.parse(text);
    },
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the panel's answer is farmStatus's own, just written as JSON
    status: async () => (await world.invoke(`tandem-${stage}-panel`, {})) as FarmStatus,
    journal: () =>
      openJournal(wire === "all" ? operatorTable(cloud, stage) : items, clock).read(START_MS, JOURNAL_LINES_MAX),
    async close() {
      databases.close();
      await cloud.close();
      await clock.settle();
    },
  };
  return world;
}

/** The state table as an operator reads it. */
const operatorTable = (cloud: Cloud, stage: string): Table =>
  openTable(
    dynamoDbClient({
      region: REGION,
      endpoint: "http://cloud.simulation",
      credentials: { accessKeyId: OPERATOR_KEY, secretAccessKey: "simulation" },
      requestHandler: requestHandler(cloud.endpoint.handle),
    }),
    `tandem-${stage}-state`,
  );

function wayOf(wire: NonNullable<WorldOptions["wire"]>, ways: WayParts, table: Table): Way {
  switch (wire) {
    case "all":
      return overTheWire(ways);
    case "calls":
      return overTheWire(ways, table);
    case "none":
      return direct(ways, table);
  }
}

/** The database servers that a function stops, or has fenced on their machines, by this call. */
function fencedFromOutside({ principal, operation, input }: Parameters<Around>[0], { all }: Machines): DatabaseNode[] {
  const isFence =
    operation === "StopInstances" || (operation === "SendCommand" && String(input["DocumentName"]).endsWith("-fence"));
  if (!isFence || !principal.arn.includes(":assumed-role/")) return [];
  const ids: unknown[] = Array.isArray(input["InstanceIds"]) ? input["InstanceIds"] : [];
  const nodes = ids.map((id) => all.get(String(id))?.node ?? "");
  return nodes.filter(isDatabaseNode);
}

const bytesOf = (value: unknown): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array());

const functionsOf = (template: Template) =>
  Object.values(template.Resources).filter(({ Type }) => Type === "AWS::Lambda::Function");

const handlersOf = (template: Template): string[] =>
  functionsOf(template).flatMap(({ Properties }) =>
    typeof Properties?.["Handler"] === "string" ? [Properties["Handler"]] : [],
  );

/** From the names of its functions, which begin with `tandem-<stage>-`. */
function stageOf(template: Template): string {
  for (const { Properties } of functionsOf(template)) {
    const stage: unknown = Object(Object(Properties?.["Environment"]).Variables).TANDEM_STAGE;
    if (typeof stage === "string") return stage;
  }
  throw new Error("no function of this template has TANDEM_STAGE: it is no farm's template");
}
