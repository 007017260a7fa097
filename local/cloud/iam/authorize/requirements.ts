import type { Principal, ServiceId, World } from "../../service.ts";
import { actionOf, hasResource, isFree } from "./actions.ts";
import { launchTemplateOf, passedRoles, type RoleSources } from "./passed-roles.ts";
import { contextOf, type AccessRequest } from "./request.ts";

type Input = Readonly<Record<string, unknown>>;

/** Who can be named in an action: the services, and the one that only agents on machines talk to. */
export type ActionService = ServiceId | "ssmmessages";

/** A decoded call, before it is made. */
export interface AuthorizedCall {
  readonly principal: Principal;
  readonly service: ActionService;
  readonly operation: string;
  readonly input: Input;
  /** As the service names it: an ARN, or `*` where it knows none. */
  readonly resource: string;
}

export interface Sources extends RoleSources {
  /** Tags of a resource, for conditions on them; undefined when there is no such resource or it has no tags. */
  tagsOf(arn: string): Readonly<Record<string, string>> | undefined;
}

const textsIn = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : []).filter((each: unknown) => typeof each === "string");

const member = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;

/** What all requests of a call have: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html */
function globalKeys(world: World, { arn, account, roleArn }: Principal) {
  return {
    "aws:PrincipalArn": roleArn ?? arn,
    "aws:PrincipalAccount": account,
    "aws:PrincipalType": roleArn === undefined ? "User" : "AssumedRole",
    ...(roleArn === undefined && { "aws:username": arn.slice(arn.lastIndexOf("/") + 1) }),
    "aws:RequestedRegion": world.region,
    "aws:ResourceAccount": world.account,
    // Loopback stands for AWS's TLS endpoints: on AWS a plain request would not get this far.
    "aws:SecureTransport": "true",
  };
}

const number = (value: unknown): string | undefined => (typeof value === "number" ? String(value) : undefined);

/** Keys that one service gives, for the conditions that templates use. */
function serviceKeys({
  service,
  operation,
  input,
}: AuthorizedCall): Readonly<Record<string, string | readonly string[] | undefined>> {
  const text = (name: string): string | undefined => {
    const value = input[name];
    return typeof value === "string" ? value : undefined;
  };
  if (service === "monitoring" && operation === "PutMetricData") return { "cloudwatch:namespace": text("Namespace") };
  if (service === "s3" && operation.startsWith("ListObject")) return { "s3:prefix": text("Prefix") };
  if (service === "autoscaling" && operation === "UpdateAutoScalingGroup")
    return {
      "autoscaling:MinSize": number(input["MinSize"]),
      "autoscaling:MaxSize": number(input["MaxSize"]),
    };
  if (service === "iam") return { "iam:PolicyARN": text("PolicyArn") };
  if (service === "elasticfilesystem") return { "elasticfilesystem:AccessPointArn": text("AccessPointArn") };
  return {};
}

function tagKeys(sources: Sources, service: ActionService, arn: string | undefined): Readonly<Record<string, string>> {
  const tags = arn === undefined ? undefined : sources.tagsOf(arn);
  return Object.fromEntries(
    Object.entries(tags ?? {}).flatMap(([key, value]) => [
      [`aws:ResourceTag/${key}`, value],
      [`${service}:ResourceTag/${key}`, value],
    ]),
  );
}

/** ARNs that a call touches beside, or in place of, the one that the service names. */
function resourcesOf(
  world: World,
  { service, operation, input, resource }: AuthorizedCall,
): readonly (string | undefined)[] {
  if (!hasResource(service, operation)) return ["*"];
  const instance = (id: string): string => `arn:aws:ec2:${world.region}:${world.account}:instance/${id}`;
  if (service === "ssm" && operation === "SendCommand") {
    const targets = Array.isArray(input["Targets"]) && input["Targets"].length > 0 ? ["*"] : [];
    return [resource, ...[...textsIn(input["InstanceIds"]), ...targets].map(instance)];
  }
  if (service === "ec2" && textsIn(input["InstanceIds"]).length > 0) return textsIn(input["InstanceIds"]).map(instance);
  if (service === "s3" && operation === "DeleteObjects") {
    const objects = member(input["Delete"], "Objects");
    return (Array.isArray(objects) ? objects : []).map((each: unknown) => `${resource}/${String(member(each, "Key"))}`);
  }
  // Of an instance that is in no group there is no ARN to compare; Auto Scaling itself answers that it does not know it.
  if (service === "autoscaling" && resource.endsWith(":autoScalingGroupName/*")) return [undefined];
  return [resource];
}

/**
 * Who gives a group a launch template must be allowed to launch from it; of which one, the condition key tells. A
 * template that is named by its name has no ARN here, so that a grant for one template does not cover it.
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html
 */
function launches(world: World, { service, operation, input }: AuthorizedCall): readonly { readonly arn?: string }[] {
  if (service !== "autoscaling") return [];
  const template = launchTemplateOf(service, operation, input);
  if (template === undefined) return [];
  const id = template["LaunchTemplateId"];
  return [typeof id === "string" ? { arn: `arn:aws:ec2:${world.region}:${world.account}:launch-template/${id}` } : {}];
}

/** ARN of the object that a copy reads. */
function copiedFrom({ service, operation, input }: AuthorizedCall): readonly string[] {
  const { CopySource: source } = input;
  if (service !== "s3" || !/^(CopyObject|UploadPartCopy)$/.test(operation) || typeof source !== "string") return [];
  return [`arn:aws:s3:::${decodeURIComponent(source.replace(/^\//, "").replace(/\?versionId=.*$/, ""))}`];
}

/** What the policies must allow for the call to be made: all of it. */
export function requirementsOf(world: World, sources: Sources, call: AuthorizedCall): readonly AccessRequest[] {
  const { principal, service, operation, input } = call;
  if (isFree(service, operation)) return [];
  const request = (
    action: string,
    resource: string | undefined,
    own: Readonly<Record<string, string | readonly string[] | undefined>>,
  ) => ({
    action,
    resource,
    context: contextOf(globalKeys(world, principal), own),
  });
  const action = actionOf(service, operation);
  return [
    ...resourcesOf(world, call).map((resource) =>
      request(action, resource, { ...serviceKeys(call), ...tagKeys(sources, service, resource) }),
    ),
    ...passedRoles(sources, service, operation, input).map(({ roleArn, to }) =>
      request("iam:PassRole", roleArn.startsWith("arn:") ? roleArn : `arn:aws:iam::${world.account}:role/${roleArn}`, {
        "iam:PassedToService": to,
      }),
    ),
    ...launches(world, call).map(({ arn }) => request("ec2:RunInstances", undefined, { "ec2:LaunchTemplate": arn })),
    ...copiedFrom(call).map((source) => request("s3:GetObject", source, {})),
  ];
}
