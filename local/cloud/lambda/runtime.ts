/** What a failed init or invocation answers with; the error payload of Invoke has exactly these members. */
export interface Fault {
  /** e.g. `TypeError`, `Runtime.ExitError`, `Sandbox.Timedout`. */
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

export interface EnvironmentSpec {
  readonly functionName: string;
  /** Folder with the unpacked deployment package. */
  readonly codeFolder: string;
  /** `<path without extension>.<exported name>`. */
  readonly handler: string;
  readonly runtime: string;
  readonly memoryMb: number;
  /** The complete environment of the function's code; nothing else may be seen by it. */
  readonly variables: Readonly<Record<string, string>>;
  /** Called for every line (or message of several lines) that the function's code prints. */
  output(message: string): void;
}

export interface Invocation {
  readonly requestId: string;
  readonly invokedFunctionArn: string;
  /** JSON text. */
  readonly payload: string;
  /** When the invocation times out, in milliseconds of the world's clock. */
  readonly deadline: number;
}

export type Outcome = ({ readonly payload: string } | { readonly fault: Fault }) & {
  /** Highest resident memory of the environment so far. */
  readonly memoryUsedMb: number;
};

/** One execution environment: it runs one invocation at a time, again and again while it is alive. */
export interface ExecutionEnvironment {
  /** Settles when the handler is loaded, or with the fault that prevented it. Never rejects. */
  readonly ready: Promise<Fault | undefined>;
  /** False once its code has ended, by itself or by `kill`. */
  alive(): boolean;
  /** Never rejects: whatever goes wrong is a fault. An environment that dies meanwhile answers `Runtime.ExitError`. */
  invoke(invocation: Invocation): Promise<Outcome>;
  /** Ends it at once, without a chance to clean up; resolves when nothing of it runs any more. */
  kill(): Promise<void>;
}

/** How a function's code really runs: as a process here, or in process in a simulation. */
export interface FunctionRuntime {
  /** Absent: a package is unpacked to files. A runtime that needs no files names the folder that the function's code sees. */
  readonly place?: (functionName: string) => string;
  start(spec: EnvironmentSpec): ExecutionEnvironment;
}
