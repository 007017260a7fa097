import type { Timer } from "../clock.ts";
import { CloudError } from "../errors.ts";
import type { World } from "../service.ts";
import type { FunctionVersion } from "./function.ts";
import type { ExecutionEnvironment, Fault, FunctionRuntime } from "./runtime.ts";

/** Environments at once, of all functions: each is a process of about 65 MB, and a machine for the farm has two cores. */
export const ENVIRONMENTS_MAX = 40;

/** AWS does not document how long an unused environment is kept; five minutes is within what is commonly observed. */
export const IDLE_MS = 5 * 60_000;

/** An environment is not given a new invocation when its credentials could expire during it. */
const CREDENTIALS_MARGIN_MS = 60_000;

/** Bytes of output that Invoke returns with `LogType: Tail`. */
export const LOG_TAIL_BYTES = 4096;

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since the epoch. */
  readonly expiration: number;
}

export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly message: string;
}

export interface EnvironmentSources {
  readonly runtime: FunctionRuntime;
  credentials(roleArn: string, sessionName: string): Credentials;
  /** With the rights of the function's role. */
  writeLog(group: string, stream: string, lines: readonly LogLine[], roleArn: string): void;
  /** Base URL of this cloud, for the functions' own SDK clients. */
  endpoint(): string;
}

/** One environment as the pool keeps it. */
export interface Lodging {
  readonly environment: ExecutionEnvironment;
  /** The version, with its revision: an environment of a changed function is never used again. */
  readonly key: string;
  readonly functionName: string;
  readonly expiresAt: number;
  readonly startedAt: number;
  /** When its handler was loaded; undefined until the first invocation waited for that. */
  initMs: number | undefined;
  busy: boolean;
  idleTimer: Timer | undefined;
  /** Output of the invocation under way, for the log tail. */
  tail: string[];
  log(message: string): void;
}

export interface EnvironmentPool {
  /** A warm environment or a new one. Throws TooManyRequestsException when the function or the cloud is at its limit. */
  take(version: FunctionVersion, reserved: number | undefined): Lodging;
  /** Gives it back for reuse; one that is no longer alive is forgotten. */
  giveBack(lodging: Lodging): void;
  /** Ends it: after a timeout or a fault of its init. */
  destroy(lodging: Lodging): Promise<void>;
  /** No environment of this function is reused: its code or configuration has changed, or it is gone. */
  retire(functionName: string): void;
  /** Functions' environments under way and waiting. */
  count(): { readonly busy: number; readonly idle: number };
  close(): Promise<void>;
}

const keyOf = (version: FunctionVersion): string => `${version.functionName}:${version.version}:${version.revisionId}`;

export function openEnvironments(world: World, sources: EnvironmentSources): EnvironmentPool {
  const lodgings = new Set<Lodging>();

  const destroy = async (lodging: Lodging): Promise<void> => {
    lodging.idleTimer?.cancel();
    lodgings.delete(lodging);
    await lodging.environment.kill();
  };
  const end = (lodging: Lodging): void => {
    destroy(lodging).catch((error: unknown) =>
      world.note(`lambda: an environment of ${lodging.functionName} did not end: ${String(error)}`),
    );
  };

  return {
    take(version, reserved) {
      const key = keyOf(version);
      for (const lodging of lodgings) if (!lodging.busy && !lodging.environment.alive()) end(lodging);
      const latestEnd = world.clock.now() + version.settings.timeoutSeconds * 1000 + CREDENTIALS_MARGIN_MS;
      const warm = [...lodgings].findLast(
        (lodging) => !lodging.busy && lodging.key === key && lodging.expiresAt > latestEnd,
      );
      checkReserved(lodgings, version.functionName, reserved);
      if (warm === undefined) makeRoom(lodgings, end);
      const lodging = warm ?? startLodging(world, sources, version);
      lodgings.add(lodging);
      lodging.idleTimer?.cancel();
      lodging.busy = true;
      lodging.tail = [];
      return lodging;
    },
    giveBack(lodging) {
      lodging.busy = false;
      if (!lodgings.has(lodging) || !lodging.environment.alive()) end(lodging);
      else lodging.idleTimer = world.clock.after(IDLE_MS, () => end(lodging));
    },
    destroy,
    retire(functionName) {
      for (const lodging of lodgings) {
        if (lodging.functionName !== functionName) continue;
        if (lodging.busy) lodgings.delete(lodging); // giveBack ends it when its invocation is done
        else end(lodging);
      }
    },
    count() {
      const busy = [...lodgings].filter((lodging) => lodging.busy).length;
      return { busy, idle: lodgings.size - busy };
    },
    async close() {
      await Promise.all([...lodgings].map(destroy));
    },
  };
}

function throttled(reason: string): CloudError {
  return new CloudError("TooManyRequestsException", "Rate Exceeded.", 429, { Reason: reason, Type: "User" });
}

function checkReserved(lodgings: ReadonlySet<Lodging>, functionName: string, reserved: number | undefined): void {
  if (reserved === undefined) return;
  const busy = [...lodgings].filter((lodging) => lodging.busy && lodging.functionName === functionName).length;
  if (busy >= reserved) throw throttled("ReservedFunctionConcurrentInvocationLimitExceeded");
}

function makeRoom(lodgings: ReadonlySet<Lodging>, end: (lodging: Lodging) => void): void {
  if (lodgings.size < ENVIRONMENTS_MAX) return;
  const oldestIdle = [...lodgings].find((lodging) => !lodging.busy);
  if (oldestIdle === undefined) throw throttled("ConcurrentInvocationLimitExceeded");
  end(oldestIdle);
}

function startLodging(world: World, sources: EnvironmentSources, version: FunctionVersion): Lodging {
  const { settings, functionName } = version;
  const logStream = `${new Date(world.clock.now()).toISOString().slice(0, 10).replaceAll("-", "/")}/[${version.version}]${world.ids.hex(32)}`;
  const credentials = sources.credentials(settings.role, functionName);
  let lodging: Lodging | undefined;
  const log = (message: string): void => {
    if (lodging !== undefined) keepTail(lodging.tail, message);
    sources.writeLog(settings.logGroup, logStream, [{ at: world.clock.now(), message }], settings.role);
  };
  const environment = sources.runtime.start({
    functionName,
    codeFolder: version.code.folder,
    handler: settings.handler,
    runtime: settings.runtime,
    memoryMb: settings.memoryMb,
    variables: variablesOf(world, version, credentials, logStream, sources.endpoint()),
    output: log,
  });
  lodging = {
    environment,
    key: keyOf(version),
    functionName,
    expiresAt: credentials.expiration,
    startedAt: world.clock.now(),
    initMs: undefined,
    busy: true,
    idleTimer: undefined,
    tail: [],
    log,
  };
  return lodging;
}

function keepTail(tail: string[], message: string): void {
  tail.push(message.slice(-LOG_TAIL_BYTES));
  let bytes = tail.reduce((sum, line) => sum + line.length + 1, 0);
  while (bytes > 2 * LOG_TAIL_BYTES && tail.length > 1) bytes -= (tail.shift()?.length ?? 0) + 1;
}

/** The variables that AWS's runtime documents, on top of the function's own. */
function variablesOf(
  world: World,
  version: FunctionVersion,
  credentials: Credentials,
  logStream: string,
  endpoint: string,
): Record<string, string> {
  const { settings, code } = version;
  return {
    TZ: ":UTC",
    LANG: "en_US.UTF-8",
    AWS_ENDPOINT_URL: endpoint,
    ...settings.variables,
    AWS_REGION: world.region,
    AWS_DEFAULT_REGION: world.region,
    AWS_EXECUTION_ENV: `AWS_Lambda_${settings.runtime}`,
    AWS_LAMBDA_FUNCTION_NAME: version.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: version.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(settings.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_GROUP_NAME: settings.logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: logStream,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
    LAMBDA_TASK_ROOT: code.folder,
    _HANDLER: settings.handler,
  };
}

/** Waits for the handler once per environment; the answer names a fault of the init. */
export async function whenReady(world: World, lodging: Lodging): Promise<Fault | undefined> {
  if (lodging.initMs !== undefined) return undefined;
  const fault = await lodging.environment.ready;
  lodging.initMs = world.clock.now() - lodging.startedAt;
  return fault;
}
