import type { CloudClock } from "./clock.ts";
import type { Ids } from "./ids.ts";

/** SigV4 signing names of the services that the embedded cloud knows. */
export type ServiceId =
  | "autoscaling"
  | "cloudformation"
  | "cloudfront"
  | "dynamodb"
  | "ec2"
  | "ecr"
  | "elasticache"
  | "elasticfilesystem"
  | "elasticloadbalancing"
  | "events"
  | "iam"
  | "kms"
  | "lambda"
  | "logs"
  | "monitoring"
  | "route53"
  | "s3"
  | "secretsmanager"
  | "sns"
  | "sqs"
  | "ssm"
  | "sts";

/** Who calls: an IAM user, a role's session (a function, an instance) or a service of the cloud itself. */
export interface Principal {
  /** e.g. `arn:aws:iam::000000000000:user/operator`, `arn:aws:sts::...:assumed-role/<role>/<session>`, `cloudformation.amazonaws.com`. */
  readonly arn: string;
  readonly account: string;
  /** Set for a role's session. */
  readonly roleArn?: string;
}

/** One call, as a service's handler sees it. */
export interface Call {
  readonly principal: Principal;
  readonly requestId: string;
}

/** What every service of one world is given. */
export interface World {
  readonly account: string;
  readonly region: string;
  readonly clock: CloudClock;
  readonly ids: Ids;
  /** One line for the farm's log: something that the operator of the embedded cloud should see. Never a secret. */
  note(message: string): void;
}

/**
 * A handler takes the operation's decoded input (the SDK's `...CommandInput`) and returns its output (the SDK's
 * `...CommandOutput` without `$metadata`). It throws CloudError. Required members are already checked.
 */
export type Operation<I = never, O = unknown> = (input: I, call: Call) => Promise<O> | O;

export interface Service {
  readonly id: ServiceId;
  /** By operation name, e.g. `SetDesiredCapacity`. What is not here fails with a protocol-correct error that names it. */
  readonly operations: Readonly<Record<string, Operation>>;
  /** ARN of what the operation touches, for the record of calls and for authorisation; `*` where AWS has none. */
  resourceOf(operation: string, input: Readonly<Record<string, unknown>>): string;
  /** Ends timers, sockets and processes of the service. */
  close?(): Promise<void>;
}

/** Calls an operation through the same handler that the endpoint uses, as `principal`; it is recorded like any call. */
export type CallService = (
  principal: Principal,
  service: ServiceId,
  operation: string,
  input: Readonly<Record<string, unknown>>,
) => Promise<Record<string, unknown>>;

/** A service of the cloud as caller, e.g. `servicePrincipal(world, "autoscaling")`. */
export const servicePrincipal = (world: World, name: string): Principal => ({
  arn: `${name}.amazonaws.com`,
  account: world.account,
});
