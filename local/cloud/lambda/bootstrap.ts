/**
 * The program of an execution environment: loads a handler and runs one invocation at a time, as AWS's Node.js
 * runtime does. Started by process-runtime.ts only; it ends when its parent goes away.
 */
import { existsSync, realpathSync } from "node:fs";
import { createRequire, registerHooks } from "node:module";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";
import type { FromEnvironment, ToEnvironment } from "./messages.ts";
import type { Fault, Invocation } from "./runtime.ts";

type Callback = (error: unknown, result?: unknown) => void;
type Handler = (event: unknown, context: unknown, callback: Callback) => unknown;

/** AWS's Node.js runtimes ship the SDK; a package may leave it out of its bundle. */
const PROVIDED_BY_RUNTIME = /^(@aws-sdk|@smithy|@aws)\//;
/** The order in which AWS's runtime looks for the handler's file. */
const HANDLER_EXTENSIONS = ["", ".js", ".mjs", ".cjs"];
/** What AWS's runtime exits with after an error that nobody caught. */
const EXIT_UNCAUGHT = 129;
const BYTES_PER_MB = 1024 * 1024;

const send = (message: FromEnvironment): void => void process.send?.(message);
const memoryUsedMb = (): number => Math.ceil((process.resourceUsage().maxRSS * 1024) / BYTES_PER_MB);

let requestId: string | undefined;
let runtime = "";

process.on("disconnect", () => process.exit(0));

const print =
  (level: string) =>
  (...values: unknown[]): void =>
    send({ kind: "output", message: `${new Date().toISOString()}\t${requestId}\t${level}\t${format(...values)}` });

/** The function's whole output goes through one ordered channel, so that it stands before the invocation's END line. */
function captureOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    let rest = "";
    stream.write = (chunk: unknown, encoding?: unknown, done?: unknown): boolean => {
      const lines = (rest + (chunk instanceof Uint8Array ? Buffer.from(chunk).toString() : String(chunk))).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) send({ kind: "output", message: line });
      const callback = typeof encoding === "function" ? encoding : done;
      if (typeof callback === "function") callback();
      return true;
    };
  }
  const levels = { log: "INFO", info: "INFO", warn: "WARN", error: "ERROR", debug: "DEBUG", trace: "TRACE" } as const;
  console.log = print(levels.log);
  console.info = print(levels.info);
  console.warn = print(levels.warn);
  console.error = print(levels.error);
  console.debug = print(levels.debug);
  console.trace = print(levels.trace);
}

/** Only the package and what AWS's runtime ships may be imported: a dependency that the bundle lacks must fail here too. */
function confineImports(codeFolder: string): void {
  const root = pathToFileURL(`${codeFolder}/`).href;
  const own = createRequire(import.meta.url);
  registerHooks({
    resolve(specifier, context, next) {
      if (context.parentURL?.startsWith(root) !== true) return next(specifier, context);
      if (PROVIDED_BY_RUNTIME.test(specifier))
        return { url: pathToFileURL(own.resolve(specifier)).href, shortCircuit: true };
      const found = next(specifier, context);
      if (!found.url.startsWith("file:") || found.url.startsWith(root)) return found;
      throw Object.assign(new Error(`Cannot find module '${specifier}' in the deployment package`), {
        code: "MODULE_NOT_FOUND",
      });
    },
  });
}

function faultOf(error: unknown, errorType?: string): Fault {
  if (!(error instanceof Error))
    return { errorType: errorType ?? typeof error, errorMessage: format("%s", error), trace: [] };
  return { errorType: errorType ?? error.name, errorMessage: error.message, trace: error.stack?.split("\n") ?? [] };
}

class InitFailure extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.errorMessage);
    this.fault = fault;
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);

async function importFile(file: string): Promise<Record<string, unknown>> {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    const missing = codeOf(error) === "ERR_MODULE_NOT_FOUND" || codeOf(error) === "MODULE_NOT_FOUND";
    if (missing) throw new InitFailure(faultOf(error, "Runtime.ImportModuleError"));
    if (error instanceof SyntaxError) throw new InitFailure(faultOf(error, "Runtime.UserCodeSyntaxError"));
    throw new InitFailure(faultOf(error));
  }
}

const member = (from: unknown, name: string): unknown =>
  typeof from === "object" && from !== null ? Object.entries(from).find(([key]) => key === name)?.[1] : undefined;

async function loadHandler(codeFolder: string, handler: string): Promise<Handler> {
  const file = basename(handler);
  const dot = file.indexOf(".");
  const path = join(codeFolder, dirname(handler), dot < 0 ? file : file.slice(0, dot));
  const names = dot < 0 ? [] : file.slice(dot + 1).split(".");
  const found = HANDLER_EXTENSIONS.map((extension) => path + extension).find((candidate) => existsSync(candidate));
  if (found === undefined) {
    throw new InitFailure({
      errorType: "Runtime.ImportModuleError",
      errorMessage: `Error: Cannot find module '${basename(path)}'`,
      trace: [],
    });
  }
  const module = await importFile(found);
  const exported = names.reduce(member, module) ?? names.reduce(member, module["default"]);
  if (typeof exported !== "function") {
    throw new InitFailure({
      errorType: "Runtime.HandlerNotFound",
      errorMessage: `${handler} is undefined or not exported`,
      trace: [],
    });
  }
  if (exported.length >= 3 && runtime !== "nodejs22.x") {
    throw new InitFailure({
      errorType: "Runtime.CallbackHandlerDeprecated",
      errorMessage: `AWS Lambda removed callback-based function handlers with Node.js 24: ${handler} must return a promise, or use nodejs22.x`,
      trace: [],
    });
  }
  return (event, context, callback) => exported(event, context, callback);
}

function contextOf(invocation: Invocation): Record<string, unknown> {
  const { env } = process;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env["AWS_LAMBDA_FUNCTION_NAME"],
    functionVersion: env["AWS_LAMBDA_FUNCTION_VERSION"],
    invokedFunctionArn: invocation.invokedFunctionArn,
    memoryLimitInMB: env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
    awsRequestId: invocation.requestId,
    logGroupName: env["AWS_LAMBDA_LOG_GROUP_NAME"],
    logStreamName: env["AWS_LAMBDA_LOG_STREAM_NAME"],
    getRemainingTimeInMillis: () => Math.max(0, invocation.deadline - Date.now()),
  };
}

/** Resolves with the handler's result, whichever of the two styles it uses; a callback works on nodejs22.x only. */
function call(handler: Handler, invocation: Invocation, takesCallback: boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const callback: Callback = (error, result) =>
      error === null || error === undefined ? resolve(result) : reject(error);
    const returned = handler(JSON.parse(invocation.payload), contextOf(invocation), callback);
    if (returned instanceof Promise || !takesCallback) resolve(returned);
  });
}

async function invoke(handler: Handler, invocation: Invocation): Promise<void> {
  requestId = invocation.requestId;
  try {
    const result = await call(handler, invocation, runtime === "nodejs22.x");
    send({ kind: "returned", payload: JSON.stringify(result) ?? "null", memoryUsedMb: memoryUsedMb() });
  } catch (error) {
    const fault = faultOf(error);
    console.error("Invoke Error", JSON.stringify({ ...fault, stack: fault.trace, trace: undefined }));
    send({ kind: "failed", fault, memoryUsedMb: memoryUsedMb() });
  }
}

function dieOf(error: unknown, errorType: string | undefined, title: string): void {
  const fault = faultOf(error, errorType);
  console.error(title, JSON.stringify({ ...fault, stack: fault.trace, trace: undefined }));
  send({ kind: "dying", fault });
  process.exit(EXIT_UNCAUGHT);
}

async function init(message: Extract<ToEnvironment, { kind: "init" }>): Promise<Handler | undefined> {
  const codeFolder = realpathSync(message.codeFolder);
  runtime = message.runtime;
  process.chdir(codeFolder);
  captureOutput();
  confineImports(codeFolder);
  process.on("uncaughtException", (error) => dieOf(error, undefined, "Uncaught Exception"));
  process.on("unhandledRejection", (reason) =>
    dieOf(reason, "Runtime.UnhandledPromiseRejection", "Unhandled Promise Rejection"),
  );
  try {
    const handler = await loadHandler(codeFolder, message.handler);
    send({ kind: "ready" });
    return handler;
  } catch (error) {
    send({ kind: "init-failed", fault: error instanceof InitFailure ? error.fault : faultOf(error) });
    return undefined;
  }
}

let loading: Promise<Handler | undefined> = Promise.resolve(undefined);
// The only sender on this channel is process-runtime.ts, which sends exactly this union.
process.on("message", (message: ToEnvironment) => {
  if (message.kind === "init") loading = init(message);
  else void loading.then((handler) => (handler === undefined ? undefined : invoke(handler, message.invocation)));
});
