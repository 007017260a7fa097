import { CloudError } from "../errors.ts";
import type { World } from "../service.ts";
import {
  functionArn,
  LATEST,
  notFound,
  parseFunctionName,
  type FunctionVersion,
  type LambdaFunction,
} from "./function.ts";

/** Functions of one world; AWS allows far more, a farm has a handful. */
const FUNCTIONS_MAX = 200;

/** A function with the version that a call names, by number or alias. */
export interface Resolved {
  readonly fn: LambdaFunction;
  readonly version: FunctionVersion;
  /** As the caller named it: with the alias or number, if any. */
  readonly arn: string;
  readonly qualifier: string | undefined;
}

export interface Registry {
  add(fn: LambdaFunction): void;
  remove(name: string): void;
  all(): readonly LambdaFunction[];
  has(name: string): boolean;
  /** By name or ARN; throws ResourceNotFoundException. */
  get(given: string): LambdaFunction;
  /** With the version of `qualifier`, or of the one that the name carries; throws ResourceNotFoundException. */
  resolve(given: string, qualifier?: string): Resolved;
}

export function openRegistry(world: World): Registry {
  const functions = new Map<string, LambdaFunction>();

  const get = (given: string): LambdaFunction => {
    const { name } = parseFunctionName(given);
    const fn = functions.get(name);
    if (fn === undefined) throw notFound(functionArn(world, name));
    return fn;
  };

  return {
    add(fn) {
      if (functions.size >= FUNCTIONS_MAX)
        throw new CloudError("CodeStorageExceededException", `at most ${FUNCTIONS_MAX} functions`);
      functions.set(fn.name, fn);
    },
    remove: (name) => void functions.delete(name),
    all: () => [...functions.values()],
    has: (name) => functions.has(name),
    get,
    resolve(given, qualifier) {
      const fn = get(given);
      const named = qualifier ?? parseFunctionName(given).qualifier;
      const arn = functionArn(world, fn.name, named);
      const version = versionOf(fn, named);
      if (version === undefined) throw notFound(arn);
      return { fn, version, arn, qualifier: named };
    },
  };
}

function versionOf(fn: LambdaFunction, qualifier: string | undefined): FunctionVersion | undefined {
  if (qualifier === undefined || qualifier === LATEST) return fn.latest;
  const number = fn.aliases.get(qualifier)?.version ?? qualifier;
  return number === LATEST ? fn.latest : fn.published.find((version) => version.version === number);
}
