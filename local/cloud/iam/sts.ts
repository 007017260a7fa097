import type {
  AssumeRoleCommandInput,
  AssumeRoleCommandOutput,
  GetCallerIdentityCommandOutput,
} from "@aws-sdk/client-sts";
import { CloudError } from "../errors.ts";
import type { Call, Service, World } from "../service.ts";
import { notTrusted, trusts } from "./authorize/authorizer.ts";
import type { Identities } from "./identities.ts";
import type { Roles } from "./roles.ts";

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
const SESSION_SECONDS_MIN = 900;
const SESSION_SECONDS_DEFAULT = 3600;

export function openSts(world: World, roles: Roles, identities: Identities): Service {
  return {
    id: "sts",
    operations: {
      GetCallerIdentity: (_input: unknown, call: Call): Omit<GetCallerIdentityCommandOutput, "$metadata"> => ({
        Account: world.account,
        Arn: call.principal.arn,
        UserId: identities.userIdOf(call.principal),
      }),
      AssumeRole(input: AssumeRoleCommandInput, call: Call): Omit<AssumeRoleCommandOutput, "$metadata"> {
        const role = roles.byArn(input.RoleArn ?? "");
        const { arn, account, roleArn: name = arn } = call.principal;
        if (!trusts(role.trust, { kind: "AWS", name, account }, roles.arnOf(role)))
          throw notTrusted(arn, roles.arnOf(role));
        const seconds = input.DurationSeconds ?? SESSION_SECONDS_DEFAULT;
        if (seconds < SESSION_SECONDS_MIN || seconds > role.sessionSecondsMax)
          throw new CloudError(
            "ValidationError",
            `The requested DurationSeconds exceeds the MaxSessionDuration set for this role: ${seconds} is not within ${SESSION_SECONDS_MIN} and ${role.sessionSecondsMax}`,
          );
        const session = input.RoleSessionName ?? "";
        const issued = identities.issue(role, session, seconds * 1000);
        return {
          Credentials: {
            AccessKeyId: issued.accessKeyId,
            SecretAccessKey: issued.secretAccessKey,
            SessionToken: issued.sessionToken,
            Expiration: new Date(issued.expiration),
          },
          AssumedRoleUser: {
            AssumedRoleId: `${role.id}:${session}`,
            Arn: `arn:aws:sts::${world.account}:assumed-role/${role.name}/${session}`,
          },
        };
      },
    },
    resourceOf: (_operation, input) => (typeof input["RoleArn"] === "string" ? input["RoleArn"] : "*"),
  };
}
