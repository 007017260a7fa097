import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { strToU8, zipSync } from "fflate";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wallCloudClock } from "../../local/cloud/clock.ts";
import { randomIds } from "../../local/cloud/ids.ts";
import { openLambda, type Lambda } from "../../local/cloud/lambda/index.ts";
import { processRuntime } from "../../local/cloud/lambda/process-runtime.ts";
import type { Operation, World } from "../../local/cloud/service.ts";

const world: World = {
  account: "000000000000",
  region: "eu-west-1",
  clock: wallCloudClock,
  ids: randomIds,
  note: () => undefined,
};
const caller = { principal: { arn: "arn:aws:iam::000000000000:user/test", account: "000000000000" }, requestId: "" };

const HANDLERS = `
let count = 0;
exports.count = async (event, context) => {
  console.log("counting", event.name);
  return { count: ++count, pid: process.pid, left: context.getRemainingTimeInMillis(), name: context.functionName, id: context.awsRequestId };
};
exports.wait = async (event) => { await new Promise((done) => setTimeout(done, event.ms)); return process.pid; };
exports.hang = () => new Promise((done) => setTimeout(done, 60_000, "never"));
exports.crash = async () => { process.stdout.write("last words\\n"); process.exit(7); };
exports.fail = async () => { throw new TypeError("no such page"); };
exports.stray = async () => { setTimeout(() => { throw new RangeError("stray"); }, 5); await new Promise(() => setTimeout(() => {}, 5000)); };
exports.callback = (event, context, callback) => callback(null, "by callback");
exports.env = async () => process.env;
exports.unbundled = async () => { try { require("mysql2"); return "found"; } catch (error) { return error.message; } };
exports.sdk = async () => typeof require("@aws-sdk/client-sts").STSClient;
`;

let folder: string;
let lambda: Lambda;
const logged: { group: string; stream: string; message: string }[] = [];

const call = async (operation: string, input: Record<string, unknown>): Promise<Record<string, unknown>> => {
  const operations: Readonly<Record<string, Operation<Record<string, unknown>>>> = Object(lambda.service.operations);
  return Object(await operations[operation]?.(input, { ...caller, requestId: randomIds.uuid() }));
};
const create = (
  name: string,
  more: Record<string, unknown> = {},
  files: Record<string, string> = { "index.js": HANDLERS },
) =>
  call("CreateFunction", {
    FunctionName: name,
    Runtime: "nodejs24.x",
    Role: "arn:aws:iam::000000000000:role/reader",
    Handler: `index.${name}`,
    Timeout: 10,
    Code: { ZipFile: zipSync(Object.fromEntries(Object.entries(files).map(([path, text]) => [path, strToU8(text)]))) },
    ...more,
  });
const invoke = async (name: string, event: unknown = {}) => {
  const output = await call("Invoke", {
    FunctionName: name,
    Payload: Buffer.from(JSON.stringify(event)),
    LogType: "Tail",
  });
  const answer: unknown = JSON.parse(String(output["Payload"]));
  return {
    answer,
    error: output["FunctionError"],
    tail: Buffer.from(String(output["LogResult"]), "base64").toString(),
  };
};
const linesOf = (name: string): string[] =>
  logged.filter((line) => line.group === `/aws/lambda/${name}`).map((line) => line.message);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tandem-lambda-"));
  lambda = openLambda(world, {
    runtime: processRuntime(),
    folder,
    readObject: async () => Buffer.alloc(0),
    credentials: (role, session) => ({
      accessKeyId: `ASIA-${session}`,
      secretAccessKey: role,
      sessionToken: "token",
      expiration: Date.now() + 3600_000,
    }),
    writeLog: (group, stream, lines) => logged.push(...lines.map(({ message }) => ({ group, stream, message }))),
    sendMessage: async () => undefined,
    endpoint: () => "http://127.0.0.1:4566",
  });
});

afterAll(async () => {
  await lambda.service.close?.();
  await rm(folder, { recursive: true, force: true });
});

describe("a function's process", () => {
  test("is started once and used again, and its log shows one cold start", async () => {
    await create("count");

    const first = await invoke("count", { name: "one" });
    const second = await invoke("count", { name: "two" });

    expect(first.answer).toMatchObject({ count: 1, name: "count", left: expect.any(Number) });
    expect(second.answer).toMatchObject({ count: 2, pid: Object(first.answer).pid });
    expect(linesOf("count")).toEqual([
      expect.stringMatching(/^START RequestId: [\w-]{36} Version: \$LATEST$/),
      expect.stringMatching(/^[\d-]{10}T[\d:.]+Z\t[\w-]{36}\tINFO\tcounting one$/),
      expect.stringMatching(/^END RequestId: [\w-]{36}$/),
      expect.stringMatching(
        /^REPORT RequestId: .*\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms$/,
      ),
      expect.stringMatching(/^START/),
      expect.stringMatching(/counting two$/),
      expect.stringMatching(/^END/),
      expect.not.stringContaining("Init Duration"),
    ]);
    expect(second.tail).toContain("counting two\nEND RequestId:");
    expect(logged.find((line) => line.group === "/aws/lambda/count")?.stream).toMatch(
      /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/,
    );
  });

  test("runs one invocation at a time: two at once run in two processes", async () => {
    await create("wait");

    const [one, other] = await Promise.all([invoke("wait", { ms: 200 }), invoke("wait", { ms: 200 })]);

    expect(one.answer).not.toBe(other.answer);
  });

  test("is killed when its time is over, and the next invocation starts a new one", async () => {
    await create("hang", { Timeout: 1 });

    const hung = await invoke("hang");

    expect(hung.error).toBe("Unhandled");
    expect(hung.answer).toEqual({
      errorType: "Sandbox.Timedout",
      errorMessage: expect.stringMatching(/Task timed out after 1\.00 seconds$/),
    });
    expect(linesOf("hang").filter((line) => line.includes("Task timed out after 1.00 seconds"))).toHaveLength(1);
    expect(linesOf("hang").at(-1)).toContain("Status: timeout");
  });

  test("that exits is reported as such, with what it printed before", async () => {
    await create("crash");

    const crashed = await invoke("crash");

    expect(crashed.answer).toEqual({
      errorType: "Runtime.ExitError",
      errorMessage: expect.stringMatching(/Runtime exited with error: exit status 7$/),
    });
    expect(linesOf("crash")).toContain("last words");
  });

  test("reports a thrown error with its trace and an uncaught one as the reason of its end", async () => {
    await create("fail");
    await create("stray");

    const failed = await invoke("fail");
    const stray = await invoke("stray");

    expect(failed).toMatchObject({
      error: "Unhandled",
      answer: { errorType: "TypeError", errorMessage: "no such page", trace: expect.any(Array) },
    });
    expect(stray.answer).toMatchObject({ errorType: "RangeError", errorMessage: "stray" });
  });

  test("takes a callback on nodejs22.x, and says on nodejs24.x why not", async () => {
    await create("callback", { Runtime: "nodejs22.x" });
    const answered = await invoke("callback");
    await call("UpdateFunctionConfiguration", { FunctionName: "callback", Runtime: "nodejs24.x" });

    const refused = await invoke("callback");

    expect(answered.answer).toBe("by callback");
    expect(refused.answer).toMatchObject({ errorType: "Runtime.CallbackHandlerDeprecated" });
  });

  test("sees its function's environment and nothing of ours but PATH", async () => {
    process.env["LEAKED_SECRET"] = "of the parent";
    await create("env", { Environment: { Variables: { TABLE: "state" } } });

    const { answer } = await invoke("env");

    delete process.env["LEAKED_SECRET"];
    expect(answer).toMatchObject({
      TABLE: "state",
      AWS_REGION: "eu-west-1",
      AWS_LAMBDA_FUNCTION_NAME: "env",
      AWS_ACCESS_KEY_ID: "ASIA-env",
      AWS_ENDPOINT_URL: "http://127.0.0.1:4566",
      TZ: ":UTC",
      PATH: process.env["PATH"],
    });
    expect(
      Object.keys(Object(answer)).filter((name) => !/^(AWS_|LAMBDA_|TZ|LANG|PATH|TABLE|_HANDLER)/.test(name)),
    ).toEqual([]);
  });

  test("ends when the farm that started it is killed", async () => {
    await writeFile(join(folder, "idle.js"), "exports.handler = async () => undefined;");
    const runtimeUrl = new URL("../../local/cloud/lambda/process-runtime.ts", import.meta.url).href;
    const spec = {
      functionName: "idle",
      codeFolder: folder,
      handler: "idle.handler",
      runtime: "nodejs24.x",
      memoryMb: 128,
    };
    const farm = spawn(process.execPath, [
      "--input-type=module",
      "-e",
      `
      const { processRuntime } = await import(${JSON.stringify(runtimeUrl)});
      const { readFileSync } = await import("node:fs");
      const environment = processRuntime().start({ ...${JSON.stringify(spec)}, variables: {}, output: () => {} });
      await environment.ready;
      console.log(readFileSync("/proc/self/task/" + process.pid + "/children", "utf8").trim());
    `,
    ]);
    const pid = Number(String(await new Promise((resolve) => void farm.stdout.once("data", resolve))));
    const alive = (): boolean => existsSync(`/proc/${pid}`);
    expect(alive()).toBe(true);

    farm.kill("SIGKILL");

    for (let waited = 0; alive() && waited < 5000; waited += 50) await wallCloudClock.sleep(50);
    expect(alive()).toBe(false);
  });

  test("finds the SDK, but no other package that its bundle lacks", async () => {
    await create("sdk");
    await create("unbundled");

    expect((await invoke("sdk")).answer).toBe("function");
    expect((await invoke("unbundled")).answer).toMatch(/^Cannot find module 'mysql2'/);
  });

  test("loads an ES module, and names a handler that is not there", async () => {
    await create(
      "esm",
      { Handler: "src/main.run" },
      { "src/main.mjs": "export const run = async (event) => ({ got: event.a });" },
    );
    await create("absent", { Handler: "index.nothing" });

    expect((await invoke("esm", { a: 1 })).answer).toEqual({ got: 1 });
    expect((await invoke("absent")).answer).toMatchObject({
      errorType: "Runtime.HandlerNotFound",
      errorMessage: "index.nothing is undefined or not exported",
    });
  });
});
