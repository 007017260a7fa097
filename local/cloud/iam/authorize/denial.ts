import { CloudError } from "../../errors.ts";
import type { Principal } from "../../service.ts";
import type { Verdict } from "./evaluate.ts";
import type { AccessRequest } from "./request.ts";
import type { ActionService } from "./requirements.ts";

/** Services of the JSON protocols name the error's shape and answer 400; Lambda's and Route 53's REST answers 403. */
const JSON_SERVICES: ReadonlySet<string> = new Set([
  "dynamodb",
  "ecr",
  "events",
  "kms",
  "logs",
  "secretsmanager",
  "ssm",
]);
const REST_JSON_SERVICES: ReadonlySet<string> = new Set(["lambda", "elasticfilesystem", "backup", "scheduler"]);

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html */
function words(who: string, { action, resource }: AccessRequest, verdict: Exclude<Verdict, "allowed">, kind: string) {
  const why =
    verdict === "explicit"
      ? `with an explicit deny in ${kind === "identity" ? "an" : "a"} ${kind}-based policy`
      : `because no ${kind}-based policy allows the ${action} action`;
  return `User: ${who} is not authorized to perform: ${action} on resource: ${resource ?? "*"} ${why}`;
}

/** The error that the service gives to a caller whose own policies do not allow the call. Names action, resource and role. */
export function denial(
  service: ActionService,
  principal: Principal,
  request: AccessRequest,
  verdict: Exclude<Verdict, "allowed">,
): CloudError {
  const message = words(principal.arn, request, verdict, "identity");
  if (service === "ec2")
    return new CloudError("UnauthorizedOperation", `You are not authorized to perform this operation. ${message}`, 403);
  if (JSON_SERVICES.has(service)) return new CloudError("AccessDeniedException", message);
  if (REST_JSON_SERVICES.has(service)) return new CloudError("AccessDeniedException", message, 403);
  return new CloudError(service === "sns" ? "AuthorizationError" : "AccessDenied", message, 403);
}

/** The same for a service of the cloud that a resource's own policy does not let in. */
export const resourceDenial = (
  asker: string,
  request: AccessRequest,
  verdict: Exclude<Verdict, "allowed">,
): CloudError => new CloudError("AccessDeniedException", words(asker, request, verdict, "resource"), 403);
