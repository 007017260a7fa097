import * as z from "zod/mini";
import { TandemError } from "../errors.ts";

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html */
const schema = z.object({
  RequestType: z.enum(["Create", "Update", "Delete"]),
  ResponseURL: z.url(),
  StackId: z.string(),
  RequestId: z.string(),
  LogicalResourceId: z.string(),
  PhysicalResourceId: z.optional(z.string()),
});

/** What CloudFormation asks of a custom resource. */
export type ProvisionRequest = z.infer<typeof schema>;

/** Throws TandemError `bad-event`: nobody can be answered then. */
export function readRequest(event: unknown): ProvisionRequest {
  const read = schema.safeParse(event);
  if (read.success) return read.data;
  throw new TandemError("bad-event", `this is no request of CloudFormation: ${z.prettifyError(read.error)}`, {
    next: "this function is called by the stack itself, and by nobody else",
  });
}

/** CloudFormation shows the reason beside the failed resource. */
const REASON_MAX = 1_000;

/** The body that CloudFormation waits for. */
export const responseOf = (request: ProvisionRequest, failure?: string): string =>
  JSON.stringify({
    Status: failure === undefined ? "SUCCESS" : "FAILED",
    ...(failure === undefined ? {} : { Reason: failure.slice(0, REASON_MAX) }),
    PhysicalResourceId: request.PhysicalResourceId ?? request.LogicalResourceId,
    StackId: request.StackId,
    RequestId: request.RequestId,
    LogicalResourceId: request.LogicalResourceId,
  });
