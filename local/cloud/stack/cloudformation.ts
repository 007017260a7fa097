import type {
  CreateChangeSetCommandInput,
  CreateStackCommandInput,
  DeleteStackCommandInput,
  ExecuteChangeSetCommandInput,
  SetStackPolicyCommandInput,
  UpdateStackCommandInput,
  UpdateTerminationProtectionCommandInput,
} from "@aws-sdk/client-cloudformation";
import type { Call, Principal, Service, World } from "../service.ts";
import {
  changesOtherwise,
  createChangeSet,
  deleteChangeSet,
  describeChangeSet,
  findChangeSet,
  listChangeSets,
} from "./change-sets.ts";
import type { Executor } from "./engine/context.ts";
import { execute, removeStack } from "./engine/execute.ts";
import { changesOf } from "./engine/plan.ts";
import { templateError } from "./engine/template.ts";
import { faults } from "./engine/validate.ts";
import { enter } from "./events.ts";
import { reads } from "./reads.ts";
import { CloudError } from "../errors.ts";
import type { Stack, Wish } from "./record.ts";
import { openResponses, type Responses } from "./responses.ts";
import { alreadyExists, openStacks, requireUpdatable, type Stacks } from "./stacks.ts";
import { wishOf, type Dependencies, type TemplateInput } from "./wish.ts";

export type { Dependencies } from "./wish.ts";

/**
 * CloudFormation: templates of JSON, change sets, and an engine that touches the cloud only through `deps.call`. Every
 * stack operation returns at once and goes on on the world's clock; its story is in DescribeStackEvents.
 */
export function openCloudFormation(
  world: World,
  deps: Dependencies,
): { readonly service: Service; readonly receive: Responses["receive"] } {
  const stacks = openStacks(world);
  const responses = openResponses(world, deps.endpoint ?? noEndpoint);
  const work = openWork(world, deps, stacks, (principal) => ({ world, call: deps.call, principal, responses }));
  return {
    receive: responses.receive,
    service: {
      id: "cloudformation",
      operations: {
        ...reads(deps, stacks),
        CreateChangeSet: (input: CreateChangeSetCommandInput, call: Call) =>
          createChangeSet(world, deps, stacks, input, call),
        DescribeChangeSet: (input: Parameters<typeof describeChangeSet>[1]) => describeChangeSet(stacks, input),
        DeleteChangeSet: (input: Parameters<typeof deleteChangeSet>[1]) => deleteChangeSet(stacks, input),
        ListChangeSets: (input: Parameters<typeof listChangeSets>[1]) => listChangeSets(stacks, input),
        ExecuteChangeSet: (input: ExecuteChangeSetCommandInput, call: Call) => work.executeChangeSet(input, call),
        CreateStack: (input: CreateStackCommandInput, call: Call) => work.createStack(input, call),
        UpdateStack: (input: UpdateStackCommandInput, call: Call) => work.updateStack(input, call),
        DeleteStack: (input: DeleteStackCommandInput, call: Call) => work.deleteStack(input, call),
        SetStackPolicy(input: SetStackPolicyCommandInput) {
          const stack = stacks.find(input.StackName);
          if (input.StackPolicyBody === undefined)
            throw templateError("StackPolicyURL is not known to this cloud: give StackPolicyBody");
          stack.policy = input.StackPolicyBody;
          return {};
        },
        UpdateTerminationProtection(input: UpdateTerminationProtectionCommandInput) {
          const stack = stacks.find(input.StackName);
          stack.terminationProtection = input.EnableTerminationProtection === true;
          return { StackId: stack.id };
        },
      },
      resourceOf: (_operation, input) => stackArn(world, stacks, input["StackName"]),
    },
  };
}

const noEndpoint = (): string => {
  throw new Error("this cloud has no address at which a custom resource could answer");
};

function stackArn(world: World, stacks: Stacks, nameOrId: unknown): string {
  if (typeof nameOrId !== "string") return "*";
  return stacks.lookUp(nameOrId)?.id ?? `arn:aws:cloudformation:${world.region}:${world.account}:stack/${nameOrId}/*`;
}

function refuseOnFailure({ OnFailure }: CreateStackCommandInput): void {
  if (OnFailure === "DELETE") throw templateError("OnFailure DELETE is not known to this cloud");
}

function refuseProtected({ name, terminationProtection }: Stack): void {
  if (terminationProtection)
    throw templateError(`Stack [${name}] cannot be deleted while TerminationProtection is enabled`);
}

type Begin = (stack: Stack, act: () => Promise<void>) => void;

/** Starts work on the world's clock, one piece at a time per stack: a deletion waits for what runs. */
function openQueue(world: World): Begin {
  const running = new Map<string, Promise<void>>();
  const broke = (stack: Stack, error: unknown): void =>
    world.note(`stack ${stack.name}: the engine broke: ${error instanceof Error ? error.stack : String(error)}`);
  return (stack, act) => {
    const before = running.get(stack.id) ?? Promise.resolve();
    const started = new Promise<void>((resolve) => void world.clock.after(0, resolve));
    const after = Promise.all([before, started])
      .then(act)
      .catch((error: unknown) => broke(stack, error));
    running.set(stack.id, after);
    void after.then(() => running.get(stack.id) === after && running.delete(stack.id));
  };
}

/** The operations that change something. */
function openWork(world: World, deps: Dependencies, stacks: Stacks, executorOf: (principal: Principal) => Executor) {
  const begin = openQueue(world);
  const run = (stack: Stack, wish: Wish, kind: "CREATE" | "UPDATE", principal: Principal): void => {
    stack.updatedAt = world.clock.now();
    stack.changeSets.clear();
    enter(world, stack, `${kind}_IN_PROGRESS`, "User Initiated");
    begin(stack, () =>
      execute(executorOf(principal), stack, wish, kind, (one, outputs) => stacks.reserve(one, outputs)),
    );
  };
  const wanted = async (stack: Stack, input: TemplateInput, call: Call): Promise<Wish> => {
    const wish = await wishOf(world, deps, stacks, stack, input, call.principal);
    const wrong = faults(wish.target, stack.resources);
    if (wrong.length > 0) throw templateError(wrong.join("; "));
    return wish;
  };
  return {
    executeChangeSet(input: ExecuteChangeSetCommandInput, call: Call) {
      const { stack, changeSet } = findChangeSet(stacks, input);
      if (changeSet.executionStatus !== "AVAILABLE" || changeSet.wish === undefined)
        throw new CloudError(
          "InvalidChangeSetStatus",
          `ChangeSet [${changeSet.id}] cannot be executed in its current status of [${changeSet.status}]`,
        );
      if (changeSet.kind === "UPDATE") requireUpdatable(stack);
      run(
        stack,
        { ...changeSet.wish, disableRollback: input.DisableRollback === true },
        changeSet.kind,
        call.principal,
      );
      return {};
    },
    async createStack(input: CreateStackCommandInput, call: Call) {
      const name = input.StackName ?? "";
      if (stacks.lookUp(name) !== undefined) throw alreadyExists(`Stack [${name}] already exists`);
      refuseOnFailure(input);
      const stack = stacks.begin(name, "REVIEW_IN_PROGRESS");
      stack.terminationProtection = input.EnableTerminationProtection === true;
      try {
        const disableRollback = input.DisableRollback === true || input.OnFailure === "DO_NOTHING";
        run(stack, { ...(await wanted(stack, input, call)), disableRollback }, "CREATE", call.principal);
      } catch (error) {
        stacks.forget(stack);
        throw error;
      }
      return { StackId: stack.id };
    },
    async updateStack(input: UpdateStackCommandInput, call: Call) {
      const stack = stacks.find(input.StackName);
      requireUpdatable(stack);
      const wish = await wanted(stack, input, call);
      if (changesOf(wish.target, stack.resources).length === 0 && !changesOtherwise(stack, wish))
        throw templateError("No updates are to be performed.");
      run(stack, { ...wish, disableRollback: input.DisableRollback === true }, "UPDATE", call.principal);
      return { StackId: stack.id };
    },
    deleteStack(input: DeleteStackCommandInput, call: Call) {
      const stack = stacks.lookUp(input.StackName ?? "");
      if (stack === undefined || stack.status === "DELETE_COMPLETE") return {};
      refuseProtected(stack);
      stacks.refuseLostImports(stack, []);
      begin(stack, async () => {
        enter(world, stack, "DELETE_IN_PROGRESS", "User Initiated");
        await removeStack(executorOf(call.principal), stack, new Set(input.RetainResources));
      });
      return {};
    },
  };
}
