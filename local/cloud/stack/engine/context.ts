import { CloudError } from "../../errors.ts";
import type { CallService, Principal, World } from "../../service.ts";
import { textAt } from "../resources/read.ts";
import type { ResourceContext } from "../resources/resource.ts";
import type { Stack } from "../record.ts";
import type { Responses } from "../responses.ts";
import { knownInput } from "./conform.ts";
import type { JsonObject } from "./json.ts";
import { revealed } from "./dynamic.ts";

/** How often a wait looks: API calls are cheap here, but each is a line in the record of calls. */
const LOOK_EVERY_MS = 500;

/** What executing a stack needs of its world. */
export interface Executor {
  readonly world: World;
  readonly call: CallService;
  readonly principal: Principal;
  readonly responses: Responses;
}

export function resourceContext(
  executor: Executor,
  stack: Stack,
  logicalId: string,
  updatePolicy: JsonObject,
  identify: (physicalId: string) => void,
): ResourceContext {
  const { world, call, principal, responses } = executor;
  return {
    account: world.account,
    region: world.region,
    stackName: stack.name,
    stackId: stack.id,
    logicalId,
    updatePolicy,
    identify,
    uuid: () => world.ids.uuid(),
    expectResponse: (limitMs) => responses.expect(limitMs),
    now: () => world.clock.now(),
    async call(service, operation, input) {
      return call(principal, service, operation, await knownInput(service, operation, input));
    },
    physicalName: (lengthMax) => physicalName(stack.name, logicalId, world.ids.hex(12), lengthMax),
    async until(what, limitMs, look) {
      const deadline = world.clock.now() + limitMs;
      while (!(await look())) {
        if (world.clock.now() >= deadline)
          throw new Error(`${what} did not stabilize within ${limitMs / 1000} seconds`);
        await world.clock.sleep(LOOK_EVERY_MS);
      }
    },
  };
}

/** `<stack>-<logical id>-<random>`; when too long, the stack's and the resource's parts are cut, never the random one. */
export function physicalName(stackName: string, logicalId: string, random: string, lengthMax: number): string {
  const room = lengthMax - random.length - 2;
  if (stackName.length + logicalId.length <= room) return `${stackName}-${logicalId}-${random}`;
  const stackPart = stackName.slice(0, Math.max(Math.floor(room / 2), room - logicalId.length));
  return `${stackPart}-${logicalId.slice(0, room - stackPart.length)}-${random}`;
}

/** Reads `{{resolve:...}}` in the moment of use, so that what is secret is not kept with the stack. */
export function reveal(executor: Executor, properties: JsonObject): Promise<JsonObject> {
  const { call, principal } = executor;
  return revealed(properties, {
    parameter: async (name) =>
      textAt(await call(principal, "ssm", "GetParameter", { Name: name, WithDecryption: true }), "Parameter", "Value"),
    secret: async (id) =>
      textAt(await call(principal, "secretsmanager", "GetSecretValue", { SecretId: id }), "SecretString"),
  });
}

/** Why something failed, as an event's reason: the API's own message with its code. */
export function reasonOf(error: unknown): string {
  if (error instanceof CloudError) return `${error.message} (Error Code: ${error.code}; Status Code: ${error.status})`;
  return error instanceof Error ? error.message : String(error);
}
