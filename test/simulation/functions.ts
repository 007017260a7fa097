import { existsSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../../lib/assert.ts";
import type { DatabaseDriver } from "../../lib/database/driver.ts";
import type { Invocation as Given, World as Around } from "../../lib/lookout.ts";
import type { JournalLine } from "../../lib/reconcile/journal.ts";
import type {
  EnvironmentSpec,
  ExecutionEnvironment,
  FunctionRuntime,
  Outcome,
} from "../../local/cloud/lambda/runtime.ts";
import type { Chance } from "./chance.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** What every file in functions/ exports beside its handler: the handler without its telemetry. */
type Run = (invocation: Given, event: unknown, around: Around) => Promise<unknown>;

/** Code by the part of a function's handler setting before the dot, e.g. `functions/on-lifecycle`. */
export type Code = ReadonlyMap<string, Run>;

/** An execution environment in this process. After its end nothing that its code still does has an effect. */
export interface Environment extends ExecutionEnvironment {
  readonly functionName: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly chance: Chance;
  /** Ends it in the middle of whatever it does. */
  crash(): void;
  readonly ended: Promise<void>;
  /** The value, or never if the environment has ended by then. */
  whileAlive<T>(value: Promise<T>): Promise<T>;
}

/** How an environment's code reaches the cloud. */
export type Way = (environment: Environment) => Pick<Around, "connection" | "table">;

export interface FunctionParts {
  readonly clock: VirtualClock;
  readonly chance: Chance;
  readonly code: Code;
  readonly way: Way;
  /** The database servers, as this environment reaches them while it lives. */
  databases(environment: Environment): DatabaseDriver;
  /** PUTs the body to the address that the stack gave. Rejects when it is refused. */
  respond(url: string, body: string): Promise<void>;
  /** Sees every journal line when its writer writes it. */
  journalled(line: JournalLine): void;
  invoked(functionName: string): void;
  /** Sees a metric of its own being counted, e.g. `IgnoredEvents`. */
  counted(metric: string): void;
  /** Sees what an invocation failed with. */
  failed(functionName: string, error: unknown): void;
}

/** Init of a function: 40 to 300 ms. */
const INIT_MS = [40, 300] as const;

/** Loads what the functions of a template run. A handler that is not of this repository is no error until it is invoked. */
export async function loadCode(handlers: readonly string[]): Promise<Code> {
  const code = new Map<string, Run>();
  const root = join(import.meta.dirname, "../..");
  for (const name of new Set(handlers.map(moduleOf))) {
    const file = join(root, `${name}.ts`);
    if (!existsSync(file)) continue;
    const module: { run?: unknown } = await import(file);
    const { run } = module;
    assert(typeof run === "function", `${name}.ts exports run`);
    // every run takes (invocation, event, world): the functions' own type check holds that
    code.set(name, (...given) => run(...given));
  }
  return code;
}

const moduleOf = (handler: string): string => handler.slice(0, handler.lastIndexOf("."));

/** Functions run in this process, from their sources, on the world's clock and chance. */
export const functionRuntime = (parts: FunctionParts): FunctionRuntime => ({
  place: (functionName) => `/simulation/${functionName}`,
  start: (spec) => startEnvironment(parts, spec),
});

function startEnvironment(parts: FunctionParts, spec: EnvironmentSpec): Environment {
  const { clock } = parts;
  const chance = parts.chance.branch(parts.chance.ids.hex(8));
  const ended = Promise.withResolvers<void>();
  const forever = new Promise<never>(() => undefined);
  let alive = true;
  let around: Around | undefined;

  const environment: Environment = {
    functionName: spec.functionName,
    variables: spec.variables,
    chance,
    ready: clock.sleep(chance.whole(...INIT_MS)).then(() => undefined),
    alive: () => alive,
    ended: ended.promise,
    whileAlive: (value) =>
      value.then(
        (given) => (alive ? given : forever),
        (error: unknown) => {
          if (!alive) return forever;
          throw error;
        },
      ),
    crash() {
      alive = false;
      ended.resolve();
    },
    async kill() {
      environment.crash();
    },
    async invoke(invocation) {
      parts.invoked(spec.functionName);
      around ??= surroundings(parts, environment);
      const exit = ended.promise.then((): Outcome => exited(invocation.requestId));
      return Promise.race([runOnce(parts, spec, environment, around, invocation), exit]);
    },
  };
  return environment;
}

async function runOnce(
  { clock, code, journalled, counted, failed: failing }: FunctionParts,
  spec: EnvironmentSpec,
  environment: Environment,
  around: Around,
  invocation: { readonly requestId: string; readonly payload: string; readonly deadline: number },
): Promise<Outcome> {
  const run = code.get(moduleOf(spec.handler));
  if (run === undefined) return failed(new Error(`${spec.handler} of ${spec.functionName} is not of this repository`));
  const given: Given = {
    requestId: invocation.requestId,
    remainingMs: () => Math.max(0, invocation.deadline - clock.now()),
    log(line) {
      if (environment.alive()) journalled(line);
    },
    count: counted,
    note: (message) => spec.output(message),
  };
  try {
    const answer = await run(given, JSON.parse(invocation.payload), around);
    return { payload: JSON.stringify(answer) ?? "null", memoryUsedMb: 0 };
  } catch (error) {
    if (environment.alive()) failing(spec.functionName, error);
    spec.output(`Invoke Error ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return failed(error);
  }
}

const failed = (error: unknown): Outcome => ({
  fault: {
    errorType: error instanceof Error ? error.name : typeof error,
    errorMessage: error instanceof Error ? error.message : String(error),
  },
  memoryUsedMb: 0,
});

const exited = (requestId: string): Outcome => ({
  fault: {
    errorType: "Runtime.ExitError",
    errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: signal: killed`,
  },
  memoryUsedMb: 0,
});

function surroundings(parts: FunctionParts, environment: Environment): Around {
  const { clock } = parts;
  return {
    ...parts.way(environment),
    clock: { now: clock.now, sleep: (ms) => environment.whileAlive(clock.sleep(ms)) },
    ids: environment.chance.ids,
    variables: environment.variables,
    databases: parts.databases(environment),
    respond: (url, body) => environment.whileAlive(parts.respond(url, body)),
  };
}
