import { fork, type ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { FromEnvironment, ToEnvironment } from "./messages.ts";
import type { EnvironmentSpec, ExecutionEnvironment, Fault, FunctionRuntime, Outcome } from "./runtime.ts";

const BOOTSTRAP = fileURLToPath(new URL("bootstrap.ts", import.meta.url));

/** A process that prints without a line end is cut here, so that it cannot fill this process's memory. */
const LINE_CHARACTERS_MAX = 256 * 1024;

/** AWS gives the JavaScript heap most of the function's memory; the rest is for buffers and the engine itself. */
const HEAP_SHARE = 0.9;

/** One forked process per execution environment, each in a process group of its own so that `kill` takes its children along. */
export function processRuntime(): FunctionRuntime {
  return { start: startEnvironment };
}

function startEnvironment(spec: EnvironmentSpec): ExecutionEnvironment {
  const child = fork(BOOTSTRAP, [], {
    cwd: spec.codeFolder,
    env: { ...spec.variables, ...(process.env["PATH"] === undefined ? {} : { PATH: process.env["PATH"] }) },
    execArgv: [
      `--max-old-space-size=${Math.floor(spec.memoryMb * HEAP_SHARE)}`,
      "--disable-warning=ExperimentalWarning",
    ],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true,
  });
  // What is not caught by the bootstrap, e.g. the engine's own words when the heap is full.
  forwardLines(child.stdout, spec.output);
  forwardLines(child.stderr, spec.output);
  return converse(child, spec);
}

interface Waiting {
  readonly requestId: string;
  settle(outcome: Outcome): void;
}

function converse(child: ChildProcess, spec: EnvironmentSpec): ExecutionEnvironment {
  let alive = true;
  let memoryUsedMb = 0;
  let waiting: Waiting | undefined;
  /** The uncaught error that the process is about to exit with: it names the cause better than the exit status. */
  let lastWords: Fault | undefined;
  const ready = Promise.withResolvers<Fault | undefined>();
  const ended = Promise.withResolvers<void>();

  const settle = (outcome: Outcome): void => {
    waiting?.settle(outcome);
    waiting = undefined;
  };
  const end = (how: string): void => {
    if (!alive) return;
    alive = false;
    const exit = (requestId: string | undefined): Fault => ({
      errorType: "Runtime.ExitError",
      errorMessage: `${requestId === undefined ? "" : `RequestId: ${requestId} `}Error: Runtime exited with error: ${how}`,
    });
    ready.resolve(lastWords ?? exit(undefined));
    settle({ fault: lastWords ?? exit(waiting?.requestId), memoryUsedMb });
    ended.resolve();
  };

  // The only sender on this channel is bootstrap.ts, which sends exactly this union.
  child.on("message", (message: FromEnvironment) => {
    if (message.kind === "output") spec.output(message.message);
    else if (message.kind === "ready") ready.resolve(undefined);
    else if (message.kind === "init-failed") ready.resolve(message.fault);
    else if (message.kind === "dying") lastWords = message.fault;
    else {
      memoryUsedMb = message.memoryUsedMb;
      settle(
        message.kind === "failed" ? { fault: message.fault, memoryUsedMb } : { payload: message.payload, memoryUsedMb },
      );
    }
  });
  child.on("error", (error) => end(error.message));
  child.on("exit", () => killGroup(child));
  child.on("close", (code, signal) => end(signal === null ? `exit status ${code}` : `signal: ${signalWord(signal)}`));
  // Sending to a process that has just died is reported through "close".
  const tell = (message: ToEnvironment): void => void child.send(message, () => undefined);
  tell({ kind: "init", codeFolder: spec.codeFolder, handler: spec.handler, runtime: spec.runtime });

  return {
    ready: ready.promise,
    alive: () => alive && child.connected && lastWords === undefined,
    invoke: (invocation) =>
      new Promise((resolve) => {
        waiting = { requestId: invocation.requestId, settle: resolve };
        if (alive) tell({ kind: "invoke", invocation });
        else
          settle({
            fault: { errorType: "Runtime.ExitError", errorMessage: "Error: Runtime exited before the invocation" },
            memoryUsedMb,
          });
      }),
    async kill() {
      if (alive) killGroup(child);
      await ended.promise;
    },
  };
}

const signalWord = (signal: NodeJS.Signals): string =>
  signal === "SIGKILL" ? "killed" : signal === "SIGABRT" ? "aborted" : signal;

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // ESRCH: the whole group has ended already, which is what was wanted.
    if (!(typeof error === "object" && error !== null && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function forwardLines(stream: Readable | null, output: (line: string) => void): void {
  let rest = "";
  stream?.setEncoding("utf8");
  stream?.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) output(line);
    if (rest.length > LINE_CHARACTERS_MAX) {
      output(rest);
      rest = "";
    }
  });
  stream?.on("end", () => (rest === "" ? undefined : output(rest)));
}
