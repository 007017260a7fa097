import type { ServiceId } from "../../service.ts";
import type { Json, JsonObject } from "../engine/json.ts";
import type { Expected } from "../responses.ts";

/** What a resource's functions may use. Nothing of the cloud is touched but through `call`. */
export interface ResourceContext {
  readonly account: string;
  readonly region: string;
  readonly stackName: string;
  readonly stackId: string;
  readonly logicalId: string;
  /** `UpdatePolicy` of the declaration. */
  readonly updatePolicy: JsonObject;
  now(): number;
  /**
   * Calls an API operation as the principal that executes the stack. A member that the operation's schema does not
   * know fails by name; undefined members are left out.
   */
  call(service: ServiceId, operation: string, input: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** A physical name as CloudFormation makes them: `<stack>-<logical id>-<random>`, cut to `lengthMax`. */
  physicalName(lengthMax: number): string;
  uuid(): string;
  /** An address to which one answer may be put within `limitMs`. */
  expectResponse(limitMs: number): Expected;
  /**
   * Tells the engine the identity as soon as something exists, so that a failure after this point is rolled back. In an
   * update, another identity than before says that the resource was replaced, and that the old one is to be deleted.
   */
  identify(physicalId: string): void;
  /** Looks every second until `look` says true; fails naming `what` after `limitMs`. */
  until(what: string, limitMs: number, look: () => Promise<boolean>): Promise<void>;
}

export type Attributes = Readonly<Record<string, Json>>;

export interface Created {
  /** What `Ref` gives. */
  readonly physicalId: string;
  readonly attributes: Attributes;
}

/** What is there now, as given to `update` and `remove`. */
export interface Existing extends Created {
  readonly properties: JsonObject;
}

/** How a type takes the stack's tags: a list of {Key,Value}, a map, or a list with PropagateAtLaunch. */
export type TagForm = "list" | "map" | "propagated";

export interface ResourceType {
  readonly type: string;
  /** Its properties and attributes are not known here: all are let through, and a change of any is an update. */
  readonly isOpen?: boolean;
  /** Properties whose change makes a new resource. */
  readonly replacing: readonly string[];
  /** Properties that are changed in place. */
  readonly updatable: readonly string[];
  readonly required?: readonly string[];
  /** The property that names the resource, if one does: a named one cannot be replaced under the same name. */
  readonly named?: string;
  readonly tags?: TagForm;
  /** Names that Fn::GetAtt accepts. */
  readonly attributes: readonly string[];
  /** Attributes that change when the resource is updated in place. */
  readonly volatile?: readonly string[];
  /** Whether this change of updatable properties needs a new resource after all. */
  replaces?(changed: readonly string[], next: JsonObject): boolean;
  /** Why this change cannot be made at all; asked before anything is begun. */
  refuses?(before: JsonObject, next: JsonObject): string | undefined;
  create(ctx: ResourceContext, properties: JsonObject): Promise<Created>;
  /** Resolves to the attributes afterwards. Absent = every property is `replacing`. */
  update?(ctx: ResourceContext, existing: Existing, next: JsonObject, changed: readonly string[]): Promise<Attributes>;
  /** Idempotent: what is not there is success. */
  remove(ctx: ResourceContext, existing: Existing): Promise<void>;
}
