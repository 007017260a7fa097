import type { Capability, Parameter, Tag } from "@aws-sdk/client-cloudformation";
import { CloudError } from "../errors.ts";
import type { CallService, Principal, World } from "../service.ts";
import { parameterValues, type ParameterValues } from "./engine/parameters.ts";
import { targetOf } from "./engine/target.ts";
import { parseTemplate, templateError, type Template } from "./engine/template.ts";
import type { Stack, Wish } from "./record.ts";
import { textAt } from "./resources/read.ts";
import type { Stacks } from "./stacks.ts";

export interface Dependencies {
  readonly call: CallService;
  /** Reads a template from S3's public address of bucket and key. */
  readTemplate(url: string): Promise<string>;
  /** Base URL of this cloud, where functions behind custom resources answer to; absent: there are no custom resources. */
  readonly endpoint?: () => string;
}

/** What CreateChangeSet, CreateStack, UpdateStack and ValidateTemplate have in common. */
export interface TemplateInput {
  readonly TemplateBody?: string | undefined;
  readonly TemplateURL?: string | undefined;
  readonly UsePreviousTemplate?: boolean | undefined;
  readonly Parameters?: Parameter[] | undefined;
  readonly Capabilities?: Capability[] | undefined;
  readonly Tags?: Tag[] | undefined;
  readonly NotificationARNs?: string[] | undefined;
  readonly RollbackConfiguration?: { readonly RollbackTriggers?: unknown[] | undefined } | undefined;
}

export async function readTemplateOf(deps: Dependencies, input: TemplateInput, previous?: string): Promise<Template> {
  if (input.UsePreviousTemplate === true) {
    if (previous === undefined) throw templateError("UsePreviousTemplate is set, but the stack has no template");
    return parseTemplate(previous);
  }
  if (input.TemplateBody !== undefined) return parseTemplate(input.TemplateBody);
  if (input.TemplateURL !== undefined) return parseTemplate(await deps.readTemplate(input.TemplateURL));
  throw templateError("Either Template URL or Template Body must be specified.");
}

/** Makes a wish of the input, everything resolved that can be. Throws `ValidationError` or `InsufficientCapabilities`. */
export async function wishOf(
  world: World,
  deps: Dependencies,
  stacks: Stacks,
  stack: Stack,
  input: TemplateInput,
  principal: Principal,
): Promise<Wish> {
  refuseUnknown(input);
  const template = await readTemplateOf(deps, input, stack.templateBody);
  requireCapabilities(template, input.Capabilities ?? []);
  const readParameter = async (name: string): Promise<string> =>
    textAt(await deps.call(principal, "ssm", "GetParameter", { Name: name }), "Parameter", "Value");
  const parameters: ParameterValues = await parameterValues(
    template,
    input.Parameters ?? [],
    stack.parameters,
    readParameter,
  );
  const tags = tagsOf(input.Tags, stack.tags);
  const imports = new Set<string>();
  const importValue = (name: string): string => {
    imports.add(name);
    return stacks.importValue(name);
  };
  const surroundings = {
    account: world.account,
    region: world.region,
    stackName: stack.name,
    stackId: stack.id,
    importValue,
  };
  const target = targetOf(template, parameters, tags, surroundings);
  return { target, parameters, tags, capabilities: input.Capabilities ?? [], disableRollback: false, imports };
}

/** Tags that are not given stay as they are, as in AWS. */
const tagsOf = (given: Tag[] | undefined, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  given === undefined ? before : Object.fromEntries(given.map((tag) => [tag.Key ?? "", tag.Value ?? ""]));

function refuseUnknown(input: TemplateInput): void {
  if ((input.NotificationARNs ?? []).length > 0) throw templateError("NotificationARNs are not known to this cloud");
  if ((input.RollbackConfiguration?.RollbackTriggers ?? []).length > 0)
    throw templateError("RollbackTriggers are not known to this cloud");
}

const NAMES_OF_IAM = ["RoleName", "InstanceProfileName", "ManagedPolicyName", "UserName", "GroupName"];

/** Which acknowledgements a template needs, and for which types. */
export function capabilitiesOf(template: Template): {
  readonly needed?: Capability;
  readonly types: readonly string[];
} {
  const iam = [...template.resources.values()].filter((one) => one.type.startsWith("AWS::IAM::"));
  if (iam.length === 0) return { types: [] };
  const isNamed = iam.some((one) => NAMES_OF_IAM.some((name) => name in one.properties));
  return {
    needed: isNamed ? "CAPABILITY_NAMED_IAM" : "CAPABILITY_IAM",
    types: [...new Set(iam.map((one) => one.type))],
  };
}

function requireCapabilities(template: Template, given: readonly Capability[]): void {
  const { needed } = capabilitiesOf(template);
  if (needed === undefined || given.includes(needed) || given.includes("CAPABILITY_NAMED_IAM")) return;
  throw new CloudError("InsufficientCapabilitiesException", `Requires capabilities : [${needed}]`);
}
