import { textOf } from "./engine/json.ts";
import type {
  DescribeStackEventsCommandInput,
  DescribeStackResourceCommandInput,
  DescribeStackResourcesCommandInput,
  DescribeStacksCommandInput,
  GetTemplateCommandInput,
  ListStackResourcesCommandInput,
  ListStacksCommandInput,
  ValidateTemplateCommandInput,
} from "@aws-sdk/client-cloudformation";
import type { Operation } from "../service.ts";
import { templateError } from "./engine/template.ts";
import { resourceDetail, resourceShape, resourceSummary, stackShape } from "./shapes.ts";
import type { Stacks } from "./stacks.ts";
import { capabilitiesOf, readTemplateOf, type Dependencies } from "./wish.ts";

/** As many as AWS puts on one page. */
const PAGE = 100;

/** One page of `all`; the token is the position of the next. */
function paged<T>(all: readonly T[], token: string | undefined): { page: T[]; next: { NextToken?: string } } {
  const from = token === undefined ? 0 : Number(token);
  if (!Number.isInteger(from) || from < 0) throw templateError(`NextToken ${token} is not valid`);
  return {
    page: all.slice(from, from + PAGE),
    next: from + PAGE < all.length ? { NextToken: String(from + PAGE) } : {},
  };
}

/** The operations that only look. */
export function reads(deps: Dependencies, stacks: Stacks): Readonly<Record<string, Operation>> {
  return { ...stackReads(stacks), ...resourceReads(stacks), ...templateReads(deps, stacks) };
}

function stackReads(stacks: Stacks): Readonly<Record<string, Operation>> {
  return {
    DescribeStacks(input: DescribeStacksCommandInput) {
      const found = input.StackName === undefined ? stacks.living() : [stacks.find(input.StackName)];
      return { Stacks: found.map(stackShape) };
    },
    DescribeStackEvents(input: DescribeStackEventsCommandInput) {
      const { page, next } = paged(stacks.find(input.StackName).events.toReversed(), input.NextToken);
      return { StackEvents: page, ...next };
    },
    ListStacks(input: ListStacksCommandInput) {
      const wanted = input.StackStatusFilter ?? [];
      const matching = stacks.all().filter((stack) => wanted.length === 0 || wanted.includes(stack.status));
      const { page, next } = paged(matching, input.NextToken);
      return { StackSummaries: page.map(stackShape), ...next };
    },
    ListExports() {
      return {
        Exports: stacks
          .living()
          .flatMap((stack) =>
            stack.outputs
              .filter((output) => output.exportName !== undefined)
              .map((output) => ({ ExportingStackId: stack.id, Name: output.exportName, Value: output.value })),
          ),
      };
    },
  };
}

function resourceReads(stacks: Stacks): Readonly<Record<string, Operation>> {
  return {
    DescribeStackResource(input: DescribeStackResourceCommandInput) {
      const stack = stacks.find(input.StackName);
      const resource = stack.resources.get(input.LogicalResourceId ?? "");
      if (resource === undefined)
        throw templateError(`Resource ${input.LogicalResourceId} does not exist for stack ${stack.name}`);
      return { StackResourceDetail: resourceDetail(stack, resource) };
    },
    DescribeStackResources(input: DescribeStackResourcesCommandInput) {
      const physicalId = input.PhysicalResourceId;
      const among =
        physicalId === undefined
          ? [stacks.find(input.StackName)]
          : stacks
              .living()
              .filter((stack) => [...stack.resources.values()].some((one) => one.physicalId === physicalId));
      const wanted = input.LogicalResourceId;
      return {
        StackResources: among.flatMap((stack) =>
          [...stack.resources.values()]
            .filter((resource) => wanted === undefined || resource.logicalId === wanted)
            .map((resource) => resourceShape(stack, resource)),
        ),
      };
    },
    ListStackResources(input: ListStackResourcesCommandInput) {
      const stack = stacks.find(input.StackName);
      const { page, next } = paged([...stack.resources.values()], input.NextToken);
      return { StackResourceSummaries: page.map(resourceSummary), ...next };
    },
  };
}

function templateReads(deps: Dependencies, stacks: Stacks): Readonly<Record<string, Operation>> {
  return {
    GetTemplate(input: GetTemplateCommandInput) {
      const stack = stacks.find(input.StackName);
      const changeSet = input.ChangeSetName === undefined ? undefined : stack.changeSets.get(input.ChangeSetName);
      const body = changeSet?.wish?.target.template.body ?? stack.templateBody;
      if (body === undefined) throw templateError(`Stack [${stack.name}] has no template yet`);
      return { TemplateBody: body, StagesAvailable: ["Original", "Processed"] };
    },
    async ValidateTemplate(input: ValidateTemplateCommandInput) {
      const template = await readTemplateOf(deps, input);
      const { needed, types } = capabilitiesOf(template);
      return {
        ...(template.description === undefined ? {} : { Description: template.description }),
        Parameters: Object.entries(template.parameters).map(([ParameterKey, declared]) => ({
          ParameterKey,
          ...(declared["Default"] === undefined ? {} : { DefaultValue: textOf(declared["Default"]) }),
          NoEcho: textOf(declared["NoEcho"]) === "true",
          ...(declared["Description"] === undefined ? {} : { Description: textOf(declared["Description"]) }),
        })),
        Capabilities: needed === undefined ? [] : [needed],
        ...(needed === undefined
          ? {}
          : { CapabilitiesReason: `The following resource(s) require capabilities: [${types.join(", ")}]` }),
        DeclaredTransforms: [],
      };
    },
  };
}
