import { CloudError } from "../../errors.ts";

/** A parameter that a command document declares. */
export interface Declared {
  readonly type: "String" | "StringList" | "Boolean" | "Integer";
  readonly description?: string | undefined;
  readonly fallback?: string | readonly string[] | undefined;
  readonly allowedPattern?: string | undefined;
  readonly allowedValues?: readonly string[] | undefined;
  readonly minChars?: number | undefined;
  readonly maxChars?: number | undefined;
}

export interface Step {
  readonly name: string;
  readonly runCommand: string | readonly string[];
  readonly workingDirectory: string | undefined;
  readonly timeoutSeconds: string;
  /** False if its precondition names another platform than Linux. */
  readonly applies: boolean;
}

/** A command document of schema 2.2 with steps `aws:runShellScript`, the only action of this world. */
export interface Content {
  readonly description: string | undefined;
  readonly parameters: ReadonlyMap<string, Declared>;
  readonly steps: readonly Step[];
}

/** Documents are at most 64 KB (Systems Manager quotas). */
const CONTENT_BYTES_MAX = 65_536;
/** Execution timeout: default one hour, at most 48 hours. */
const EXECUTION_SECONDS_DEFAULT = "3600";

type Members = Readonly<Record<string, unknown>>;
const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");
const textOf = (value: unknown): string | undefined =>
  typeof value === "string"
    ? value
    : typeof value === "number" || typeof value === "boolean"
      ? String(value)
      : undefined;

const invalid = (why: string): CloudError =>
  new CloudError("InvalidDocumentContent", `The document is not valid: ${why}`);

/** Parses JSON (which is YAML too). Throws InvalidDocumentContent, InvalidDocumentSchemaVersion, MaxDocumentSizeExceeded. */
export function parseContent(text: string): Content {
  if (Buffer.byteLength(text) > CONTENT_BYTES_MAX) {
    throw new CloudError("MaxDocumentSizeExceeded", `The size limit of a document is ${CONTENT_BYTES_MAX / 1024} KB.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("its content is not JSON");
  }
  if (!isMembers(value)) throw invalid("its content is not an object");
  if (value["schemaVersion"] !== "2.2") {
    throw new CloudError("InvalidDocumentSchemaVersion", `Schema version ${String(value["schemaVersion"])} is not 2.2`);
  }
  const steps = value["mainSteps"];
  if (!Array.isArray(steps) || steps.length === 0) throw invalid("mainSteps is missing or empty");
  return {
    description: textOf(value["description"]),
    parameters: declarations(value["parameters"]),
    steps: steps.map(parseStep),
  };
}

function declarations(value: unknown): Map<string, Declared> {
  if (value === undefined) return new Map();
  if (!isMembers(value)) throw invalid("parameters is not an object");
  return new Map(Object.entries(value).map(([name, one]) => [name, declaration(name, one)]));
}

function declaration(name: string, value: unknown): Declared {
  if (!isMembers(value)) throw invalid(`parameter ${name} is not an object`);
  const { type, allowedValues } = value;
  if (type !== "String" && type !== "StringList" && type !== "Boolean" && type !== "Integer") {
    throw invalid(`parameter ${name} has type ${String(type)}; known are String, StringList, Boolean and Integer`);
  }
  if (allowedValues !== undefined && !isTexts(allowedValues))
    throw invalid(`allowedValues of ${name} is no list of strings`);
  const fallback = isTexts(value["default"]) ? value["default"] : textOf(value["default"]);
  const pattern = textOf(value["allowedPattern"]);
  if (pattern !== undefined && !isPattern(pattern)) throw invalid(`allowedPattern of ${name} is no regular expression`);
  return {
    type,
    description: textOf(value["description"]),
    fallback,
    allowedPattern: pattern,
    allowedValues,
    minChars: numberOf(value["minChars"]),
    maxChars: numberOf(value["maxChars"]),
  };
}

const numberOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

function isPattern(source: string): boolean {
  try {
    return new RegExp(source).source !== "";
  } catch {
    return false;
  }
}

function parseStep(value: unknown, index: number): Step {
  if (!isMembers(value)) throw invalid(`step ${index + 1} is not an object`);
  const { name, action, inputs } = value;
  if (typeof name !== "string") throw invalid(`step ${index + 1} has no name`);
  if (action !== "aws:runShellScript") {
    throw invalid(`step ${name} has action ${String(action)}; this world knows aws:runShellScript only`);
  }
  if (!isMembers(inputs)) throw invalid(`step ${name} has no inputs`);
  const { runCommand } = inputs;
  if (!isTexts(runCommand) && typeof runCommand !== "string") throw invalid(`step ${name} has no runCommand`);
  return {
    name,
    runCommand,
    workingDirectory: textOf(inputs["workingDirectory"]),
    timeoutSeconds: textOf(inputs["timeoutSeconds"]) ?? EXECUTION_SECONDS_DEFAULT,
    applies: appliesToLinux(name, value["precondition"]),
  };
}

function appliesToLinux(name: string, value: unknown): boolean {
  if (value === undefined) return true;
  const equals = isMembers(value) ? value["StringEquals"] : undefined;
  if (!isTexts(equals) || equals.length !== 2 || equals[0] !== "platformType") {
    throw invalid(`step ${name} has a precondition other than StringEquals [platformType, ...]`);
  }
  return equals[1] === "Linux";
}

export type Values = ReadonlyMap<string, string | readonly string[]>;

const refused = (why: string): CloudError => new CloudError("InvalidParameters", why);

/** The values that a command runs with. Throws InvalidParameters for one that is unknown, missing or not allowed. */
export function valuesOf(content: Content, given: Readonly<Record<string, readonly string[]>>): Values {
  for (const name of Object.keys(given)) {
    if (!content.parameters.has(name)) throw refused(`Parameter "${name}" is not defined in the document`);
  }
  return new Map([...content.parameters].map(([name, declared]) => [name, valueOf(name, declared, given[name])]));
}

function valueOf(name: string, declared: Declared, given: readonly string[] | undefined): string | readonly string[] {
  const value = given ?? declared.fallback;
  if (value === undefined) throw refused(`Parameter "${name}" is required and has no value`);
  const list = typeof value === "string" ? [value] : value;
  if (declared.type !== "StringList" && list.length !== 1)
    throw refused(`Parameter "${name}" has ${list.length} values, not one`);
  for (const one of list) refuseValue(name, declared, one);
  return declared.type === "StringList" ? list : (list[0] ?? "");
}

function refuseValue(name: string, declared: Declared, value: string): void {
  const { allowedPattern, allowedValues, minChars = 0, maxChars = Infinity } = declared;
  if (allowedPattern !== undefined && !new RegExp(allowedPattern).test(value)) {
    throw refused(`Parameter "${name}" has the value "${value}", which does not match ${allowedPattern}`);
  }
  if (allowedValues !== undefined && !allowedValues.includes(value)) {
    throw refused(`Parameter "${name}" has the value "${value}"; allowed are ${allowedValues.join(", ")}`);
  }
  if (value.length < minChars || value.length > maxChars) {
    throw refused(`Parameter "${name}" has ${value.length} characters; allowed are ${minChars} to ${maxChars}`);
  }
  const wrongBoolean = declared.type === "Boolean" && value !== "true" && value !== "false";
  const wrongInteger = declared.type === "Integer" && !/^-?\d+$/.test(value);
  if (wrongBoolean || wrongInteger)
    throw refused(`Parameter "${name}" has the value "${value}", which is no ${declared.type}`);
}

const REFERENCE = /\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g;

/** Replaces `{{ name }}`; a name that the document does not declare stays as it is. A list inside text becomes JSON. */
export const substitute = (text: string, values: Values): string =>
  text.replace(REFERENCE, (whole, name: string) => {
    const value = values.get(name);
    if (value === undefined) return whole;
    return typeof value === "string" ? value : JSON.stringify(value);
  });

/** The step's script: its lines after substitution, where a line that is only a list stands for the list's lines. */
export function scriptOf(step: Step, values: Values): string {
  const lines = typeof step.runCommand === "string" ? [step.runCommand] : step.runCommand;
  return lines
    .flatMap((line) => {
      const only = /^\s*\{\{\s*([A-Za-z0-9_]+)\s*\}\}\s*$/.exec(line)?.[1];
      const value = only === undefined ? undefined : values.get(only);
      return value === undefined || typeof value === "string" ? [substitute(line, values)] : value;
    })
    .join("\n");
}
