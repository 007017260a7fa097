import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import { evaluate } from "./evaluate.ts";
import type { Statement } from "./policy.ts";
import { contextOf } from "./request.ts";
import type { AuthorizedCall } from "./requirements.ts";

/** Lambda makes the network interfaces of a function in a VPC with the function's own role. */
const INTERFACE_ACTIONS = ["CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface"];

const invalid = (message: string): CloudError =>
  new CloudError("InvalidParameterValueException", message, 400, { Type: "User" });

export interface HandedOverSources {
  isTrusting(roleArn: string, service: string): boolean;
  /** Undefined: there is no such role, which the operation itself says. */
  statementsOf(roleArn: string): readonly Statement[] | undefined;
}

const isInVpc = (vpc: unknown): boolean => {
  const subnets: unknown = typeof vpc === "object" && vpc !== null ? Reflect.get(vpc, "SubnetIds") : undefined;
  return Array.isArray(subnets) && subnets.length > 0;
};

/**
 * What Lambda asks of a role before a function takes it: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
 * Throws InvalidParameterValueException with Lambda's own words.
 */
export function checkHandedOver(world: World, sources: HandedOverSources, call: AuthorizedCall): void {
  if (call.service !== "lambda" || !/^(CreateFunction|UpdateFunctionConfiguration)$/.test(call.operation)) return;
  const { Role: roleArn, VpcConfig: vpc } = call.input;
  if (typeof roleArn !== "string") return;
  const statements = sources.statementsOf(roleArn);
  if (statements === undefined) return;
  if (!sources.isTrusting(roleArn, "lambda.amazonaws.com"))
    throw invalid("The role defined for the function cannot be assumed by Lambda.");
  if (!isInVpc(vpc)) return;
  const context = contextOf({ "aws:RequestedRegion": world.region });
  const lacking = INTERFACE_ACTIONS.find(
    (action) => evaluate(statements, { action: `ec2:${action}`, resource: "*", context }) !== "allowed",
  );
  if (lacking !== undefined)
    throw invalid(`The provided execution role does not have permissions to call ${lacking} on EC2`);
}
