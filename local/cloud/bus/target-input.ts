import { CloudError } from "../errors.ts";

export interface InputSettings {
  readonly input: string | undefined;
  readonly inputPath: string | undefined;
  readonly transformer: { readonly paths: Readonly<Record<string, string>>; readonly template: string } | undefined;
}

export interface RuleNames {
  readonly ruleArn: string;
  readonly ruleName: string;
  /** ISO-8601. */
  readonly ingestedAt: string;
}

const invalid = (message: string): CloudError => new CloudError("ValidationException", message);

/** Checks what can be checked before an event comes. Throws ValidationException. */
export function checkInput(settings: InputSettings): void {
  if (Object.values(settings).filter((one) => one !== undefined).length > 1)
    throw invalid("Only one of Input, InputPath, or InputTransformer must be provided.");
  if (settings.input !== undefined && parsed(settings.input) === undefined) throw invalid("Input is not valid JSON.");
  for (const path of [settings.inputPath, ...Object.values(settings.transformer?.paths ?? {})])
    if (path !== undefined) stepsOf(path);
}

/** What a target gets for an event. */
export function targetInput(settings: InputSettings, event: unknown, names: RuleNames): unknown {
  if (settings.input !== undefined) return parsed(settings.input);
  if (settings.inputPath !== undefined) return read(event, settings.inputPath) ?? {};
  if (settings.transformer === undefined) return event;
  const text = fill(settings.transformer.template, (name) => {
    const predefined: Record<string, unknown> = {
      "aws.events.rule-arn": names.ruleArn,
      "aws.events.rule-name": names.ruleName,
      "aws.events.event.ingestion-time": names.ingestedAt,
      "aws.events.event": event,
      "aws.events.event.json": event,
    };
    const path = settings.transformer?.paths[name];
    return path === undefined ? predefined[name] : read(event, path);
  });
  return parsed(text) ?? text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The steps of `$.detail.items[0]`. */
function stepsOf(path: string): (string | number)[] {
  if (!/^\$(\.[\w-]+|\[\d+\]|\['[^']+'\])*$/.test(path))
    throw invalid(`Invalid JSONPath ${path}: the embedded cloud knows $.member and [index]`);
  return [...path.matchAll(/\.([\w-]+)|\[(\d+)\]|\['([^']+)'\]/g)].map(([, member, index, quoted]) =>
    index === undefined ? (member ?? quoted ?? "") : Number(index),
  );
}

function read(event: unknown, path: string): unknown {
  return stepsOf(path).reduce<unknown>((value, step) => {
    if (Array.isArray(value)) return typeof step === "number" ? value[step] : undefined;
    const members: Record<string, unknown> = typeof value === "object" && value !== null ? { ...value } : {};
    return members[step];
  }, event);
}

/** Within a JSON string a value is put as text, elsewhere as JSON; a value that the event lacks is empty or null. */
function fill(template: string, valueOf: (name: string) => unknown): string {
  let quoted = false;
  return template.replaceAll(/\\.|"|<([\w.-]+)>/g, (piece, name: string | undefined) => {
    if (piece === '"') quoted = !quoted;
    if (name === undefined) return piece;
    const value = valueOf(name);
    if (!quoted) return JSON.stringify(value ?? null);
    const text = typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
    return JSON.stringify(text).slice(1, -1);
  });
}
