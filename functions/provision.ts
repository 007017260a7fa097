import { route53Client } from "../lib/aws/clients.ts";
import { readEnvironment } from "../lib/environment.ts";
import type { Invocation, World } from "../lib/lookout.ts";
import { provision, respondOverHttp } from "../lib/provision/provision.ts";
import { specOf } from "../lib/spec.ts";
import { onLambda } from "../lib/telemetry.ts";

/** CloudFormation asks for, or gives back, what the controller keeps for the stack. */
export const run = (_invocation: Invocation, event: unknown, world: World = {}) =>
  provision(
    {
      spec: specOf(readEnvironment(world.variables)),
      route53: route53Client(world.connection),
      respond: world.respond ?? respondOverHttp,
    },
    event,
  );

export const handler = onLambda(run);
