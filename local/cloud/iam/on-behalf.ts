import { CloudError } from "../errors.ts";
import type { Endpoint } from "../endpoint.ts";
import type { World } from "../service.ts";
import type { Credentials, Iam } from "./index.ts";

interface LogLine {
  readonly at: number;
  readonly message: string;
}

export interface OnBehalfSources {
  readonly iam: Iam;
  /** Known late: the services that need these rights are behind it. */
  endpoint(): Pick<Endpoint, "requireFor" | "callService">;
  /** JSON of a function's, queue's or topic's own policy, by its ARN; undefined when it has none. */
  policyOf(arn: string): string | undefined;
  /** Instance profile of an instance, by name or ARN; undefined when it has none. */
  profileOf(instanceId: string): string | undefined;
  writeLog(group: string, stream: string, lines: readonly LogLine[]): void;
}

/** Streams of which it is known whether their function may write them. One farm has a few hundred in a day. */
const STREAMS_MAX = 10_000;

/** Session name of the pollers of event source mappings. */
const POLLER = "awslambda-event-source";

/** What an agent asks of AWS before it takes orders: https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-setting-up-messageAPIs.html */
const AGENT_CALLS = [
  ["ssm", "UpdateInstanceInformation"],
  ["ssmmessages", "CreateControlChannel"],
  ["ssmmessages", "OpenControlChannel"],
] as const;

/** What services of the cloud do with the rights of a function's or machine's role, or by leave of a resource's policy. */
export function openOnBehalf(world: World, sources: OnBehalfSources) {
  const { iam } = sources;
  return {
    functionCredentials: (roleArn: string, session: string): Credentials =>
      iam.credentials(roleArn, session, "lambda.amazonaws.com"),
    machineCredentials: (profile: string, session: string): Credentials =>
      iam.credentials(iam.instanceProfileRole(profile), session, "ec2.amazonaws.com"),
    writeLog: logWriter(world, sources),
    /** SQS for Lambda's pollers, with the rights of a function's role. */
    queueAccess: {
      call: (roleArn: string, operation: string, input: Readonly<Record<string, unknown>>) =>
        sources.endpoint().callService(iam.session(roleArn, POLLER), "sqs", operation, input),
      require: (roleArn: string, operation: string, queueArn: string): void =>
        sources.endpoint().requireFor(iam.session(roleArn, POLLER), "sqs", operation, {}, queueArn),
    },
    mayRegister: (instanceId: string): boolean => agentMayRegister(world, sources, instanceId),
    /** Throws AccessDeniedException unless the function's policy lets `service` invoke it for `sourceArn`. */
    requireInvoke(service: string, functionArn: string, sourceArn: string): void {
      const policy = sources.policyOf(functionArn);
      iam.requireForService({ service, action: "lambda:InvokeFunction", resource: functionArn, sourceArn, policy });
    },
    /** The same for a message to a queue, and for an event to a function: the two targets of a rule. */
    requireSend(service: string, queueArn: string, sourceArn: string): void {
      const policy = sources.policyOf(queueArn);
      iam.requireForService({ service, action: "sqs:SendMessage", resource: queueArn, sourceArn, policy });
    },
    /** The same for a message to a topic. The policy that a topic has from the start lets its own account's services in. */
    requirePublish(service: string, topicArn: string, sourceArn: string): void {
      const policy = sources.policyOf(topicArn);
      if (policy === undefined) return;
      iam.requireForService({ service, action: "sns:Publish", resource: topicArn, sourceArn, policy });
    },
  };
}

export type OnBehalf = ReturnType<typeof openOnBehalf>;

/**
 * True when the role may. That it may not, or that it is gone, goes to the farm's log: on AWS nobody hears of it at all.
 */
function may(world: World, what: string, ask: () => void): boolean {
  try {
    ask();
    return true;
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    world.note(`${what}: ${error.message}`);
    return false;
  }
}

/** Lambda writes a function's log with the function's role: without the right the lines are lost, and nothing fails. */
function logWriter(world: World, sources: OnBehalfSources) {
  const mayWrite = new Map<string, boolean>();
  const decide = (group: string, stream: string, roleArn: string): boolean => {
    const arn = `arn:aws:logs:${world.region}:${world.account}:log-group:${group}:log-stream:${stream}`;
    return may(world, `the log of ${group} is lost`, () => {
      const principal = sources.iam.session(roleArn, group.slice(group.lastIndexOf("/") + 1));
      const { requireFor } = sources.endpoint();
      for (const operation of ["CreateLogStream", "PutLogEvents"]) requireFor(principal, "logs", operation, {}, arn);
    });
  };
  return (group: string, stream: string, lines: readonly LogLine[], roleArn: string): void => {
    let decided = mayWrite.get(stream);
    if (decided === undefined) {
      if (mayWrite.size >= STREAMS_MAX) mayWrite.clear();
      decided = decide(group, stream, roleArn);
      mayWrite.set(stream, decided);
    }
    if (decided) sources.writeLog(group, stream, lines);
  };
}

function agentMayRegister(world: World, sources: OnBehalfSources, instanceId: string): boolean {
  const profile = sources.profileOf(instanceId);
  if (profile === undefined) return false;
  const arn = `arn:aws:ec2:${world.region}:${world.account}:instance/${instanceId}`;
  return may(world, `the agent of ${instanceId} stays offline`, () => {
    const principal = sources.iam.session(sources.iam.instanceProfileRole(profile), instanceId);
    const { requireFor } = sources.endpoint();
    for (const [service, operation] of AGENT_CALLS)
      requireFor(principal, service, operation, {}, service === "ssm" ? arn : "*");
  });
}
