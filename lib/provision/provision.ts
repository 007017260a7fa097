import { TandemError } from "../errors.ts";
import { removeRecords, type RecordClients } from "../database/aws.ts";
import { databaseRecords } from "../database/records.ts";
import type { Spec } from "../spec.ts";
import { readRequest, responseOf } from "./request.ts";

export interface ProvisionDeps extends RecordClients {
  readonly spec: Spec;
  /** PUTs the body to the address that CloudFormation gave. */
  respond(url: string, body: string): Promise<void>;
}

/** The address is signed for this one request: whoever cannot reach it within this time is told so by CloudFormation's own limit. */
const RESPOND_MS_MAX = 20_000;

export async function respondOverHttp(url: string, body: string): Promise<void> {
  const answer = await fetch(url, { method: "PUT", body, signal: AbortSignal.timeout(RESPOND_MS_MAX) });
  if (answer.ok) return;
  throw new TandemError("response-refused", `CloudFormation's address answered ${answer.status}`, {
    next: "nothing: CloudFormation ends its wait by itself",
    retriable: true,
  });
}

/**
 * The custom resource of a stack. The controller makes what the template must not reset; what of that would keep the stack
 * from being deleted is removed here. Nothing else is done: what a deployment wishes for, the loop provides.
 */
export async function provision(deps: ProvisionDeps, event: unknown): Promise<{ readonly status: string }> {
  const request = readRequest(event);
  const { privateZone } = deps.spec;
  let failure: string | undefined;
  try {
    if (request.RequestType === "Delete" && privateZone !== undefined)
      await removeRecords(deps, privateZone, Object.keys(databaseRecords(deps.spec, "db-a")));
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  await deps.respond(request.ResponseURL, responseOf(request, failure));
  return { status: failure ?? "done" };
}
