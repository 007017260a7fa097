import { setTimeout as sleep } from "node:timers/promises";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import type { FarmStatus } from "../../lib/status.ts";
import { CliError, printNote } from "./output.ts";
import type { Target } from "./target.ts";

/** `maintain` works at most 300 s; the client must not give up before it. */
const REQUEST_TIMEOUT_MS = 310_000;

/** An API that refuses this often is not only busy for a moment. */
const ATTEMPTS_MAX = 4;
const ATTEMPT_DELAY_MS = 200;

const clientOptions = (target: Target) => ({
  region: target.region,
  ...(target.endpoint !== undefined && { endpoint: target.endpoint }),
  ...(target.profile !== undefined && { profile: target.profile }),
  ...(target.credentials !== undefined && { credentials: target.credentials }),
  // An invocation is not repeated behind the operator's back.
  maxAttempts: 1,
  requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS },
});

/** Says on stderr which world and account the command is about to touch. */
export async function announce(target: Target): Promise<void> {
  try {
    const identity = await new STSClient({ ...clientOptions(target), maxAttempts: ATTEMPTS_MAX }).send(
      new GetCallerIdentityCommand({}),
    );
    const world = target.world === "endpoint" ? `endpoint ${target.endpoint}` : target.world;
    printNote(`world ${world}, account ${identity.Account}, region ${target.region}, stage ${target.stage}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message || error.name : String(error);
    throw new CliError(
      `no answer from ${target.endpoint ?? `AWS in ${target.region}`}: ${reason}. Is the farm running, and are the credentials valid?`,
    );
  }
}

/** Invokes one of the farm's functions and returns its answer. What it refuses or fails with becomes a CliError. */
export async function invoke(target: Target, name: "maintain" | "panel", payload: unknown): Promise<unknown> {
  const functionName = `tandem-${target.stage}-${name}`;
  const client = new LambdaClient(clientOptions(target));
  let answer;
  try {
    const input = { FunctionName: functionName, Payload: JSON.stringify(payload) };
    answer = await unlessThrottled(() => client.send(new InvokeCommand(input)));
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") {
      throw new CliError(`there is no function ${functionName}: is stage "${target.stage}" deployed there?`);
    }
    throw new CliError(
      `${functionName} could not be invoked: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const text = Buffer.from(answer.Payload ?? new Uint8Array()).toString("utf8");
  const value: unknown = text === "" ? null : JSON.parse(text);
  if (answer.FunctionError !== undefined)
    throw new CliError(`${functionName} failed: ${member(value, "errorMessage") ?? text}`);
  const refused = refusal(value);
  if (refused !== undefined) throw new CliError(refused);
  return value;
}

/** What was refused before it began is sent again; anything else could be done twice. */
async function unlessThrottled<T>(send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      const isThrottled = error instanceof Error && error.name === "TooManyRequestsException";
      if (!isThrottled || attempt >= ATTEMPTS_MAX) throw error;
      await sleep(ATTEMPT_DELAY_MS * attempt);
    }
  }
}

export const readStatus = async (target: Target): Promise<FarmStatus> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the panel's answer is this type: both are built from lib/status.ts
  (await invoke(target, "panel", {})) as FarmStatus;

function member(value: unknown, name: string): string | undefined {
  const found: unknown =
    typeof value === "object" && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
  return typeof found === "string" ? found : undefined;
}

/** What the order itself was refused with, in words: `{error: {code, message, next}}`, or a wish that the loop refused. */
export function refusal(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if ("request" in value && member(value.request, "state") === "refused")
    return member(value, "text") ?? "the wish is refused";
  if (!("error" in value)) return undefined;
  const next = member(value.error, "next");
  return `${member(value.error, "message") ?? JSON.stringify(value.error)}${next === undefined ? "" : `. ${next}`}`;
}
