import { spawn } from "node:child_process";
import { join } from "node:path";

/** The last lines of a failed deploy hold the reason; more would bury it. */
const REASON_LINES = 25;

/** Runs the real Serverless Framework against the embedded cloud. Rejects with the end of its output. */
export function deploy(options: {
  projectRoot: string;
  environment: Readonly<Record<string, string>>;
  log: (line: string) => void;
  signal: AbortSignal;
}): Promise<void> {
  const program = join(options.projectRoot, "node_modules/.bin/serverless");
  const child = spawn(program, ["deploy", "--stage", options.environment["TANDEM_STAGE"] ?? "local"], {
    cwd: options.projectRoot,
    env: { ...process.env, ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
    signal: options.signal,
  });
  const lines: string[] = [];
  const take = (chunk: Buffer): void => {
    for (const line of chunk.toString("utf8").split("\n")) {
      if (line.trim() === "") continue;
      lines.push(line);
      options.log(`deploy: ${line}`);
    }
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`serverless deploy failed:\n${lines.slice(-REASON_LINES).join("\n")}`));
    });
  });
}
