import type { Output, Stack } from "../record.ts";
import { resolve } from "./intrinsics.ts";
import { isObject, type Json, textOf } from "./json.ts";
import { referablesOf } from "./step.ts";
import { scopeOf, type Target } from "./target.ts";
import { templateError } from "./template.ts";

/** The outputs' values, from the resources as they stand. */
export function outputsOf(stack: Stack, target: Target): Output[] {
  const scope = scopeOf(target, referablesOf(stack, target));
  const wanted = Object.entries(target.template.outputs).filter(
    ([, declared]) => declared["Condition"] === undefined || scope.condition(textOf(declared["Condition"])),
  );
  return wanted.map(([name, declared]) => {
    const exported = isObject(declared["Export"]) ? declared["Export"]["Name"] : undefined;
    return {
      name,
      value: scalar(name, resolve(declared["Value"] ?? null, scope)),
      ...(declared["Description"] === undefined ? {} : { description: textOf(declared["Description"]) }),
      ...(exported === undefined ? {} : { exportName: scalar(name, resolve(exported, scope)) }),
    };
  });
}

function scalar(name: string, value: Json): string {
  if (typeof value === "object")
    throw templateError(
      `Template format error: The Value field of every Outputs member must evaluate to a String (${name}).`,
    );
  return String(value);
}
