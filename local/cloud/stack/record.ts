import type { Capability, ResourceStatus, StackEvent, StackStatus } from "@aws-sdk/client-cloudformation";
import type { JsonObject } from "./engine/json.ts";
import type { ParameterValues } from "./engine/parameters.ts";
import type { Change } from "./engine/plan.ts";
import type { Target } from "./engine/target.ts";
import type { RetentionPolicy } from "./engine/template.ts";
import type { Existing } from "./resources/resource.ts";

/** A resource of a stack, as it is now. */
export interface StackResource extends Existing {
  readonly logicalId: string;
  readonly type: string;
  /** Logical ids that had to be there before it: deletion goes the other way. */
  readonly needs: readonly string[];
  readonly deletionPolicy: RetentionPolicy;
  readonly updateReplacePolicy: RetentionPolicy;
  readonly updatePolicy: JsonObject;
  readonly metadata: JsonObject;
  readonly status: ResourceStatus;
  readonly statusReason?: string;
  readonly at: number;
}

export interface Output {
  readonly name: string;
  readonly value: string;
  readonly description?: string;
  readonly exportName?: string;
}

/** What a change set or CreateStack/UpdateStack asks for, ready to be executed. */
export interface Wish {
  readonly target: Target;
  readonly parameters: ParameterValues;
  readonly tags: Readonly<Record<string, string>>;
  readonly capabilities: readonly Capability[];
  readonly disableRollback: boolean;
  /** Names of other stacks' exports that resolving it has read; complete once it was executed. */
  readonly imports: ReadonlySet<string>;
}

export interface ChangeSet {
  readonly id: string;
  readonly name: string;
  readonly kind: "CREATE" | "UPDATE";
  readonly createdAt: number;
  readonly description?: string;
  readonly status: "CREATE_COMPLETE" | "FAILED";
  readonly statusReason?: string;
  executionStatus: "AVAILABLE" | "UNAVAILABLE" | "EXECUTE_IN_PROGRESS";
  readonly changes: readonly Change[];
  /** Absent when the change set failed. */
  readonly wish?: Wish;
  readonly parameters: ParameterValues;
  readonly tags: Readonly<Record<string, string>>;
  readonly capabilities: readonly Capability[];
}

export interface Stack {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  updatedAt?: number;
  deletedAt?: number;
  status: StackStatus;
  statusReason?: string;
  description?: string;
  /** Absent until the first execution. */
  templateBody?: string;
  parameters: ParameterValues;
  tags: Readonly<Record<string, string>>;
  capabilities: readonly Capability[];
  policy?: string;
  terminationProtection: boolean;
  /** Names of other stacks' exports that this stack's values were read from. */
  imports: ReadonlySet<string>;
  outputs: readonly Output[];
  readonly resources: Map<string, StackResource>;
  readonly changeSets: Map<string, ChangeSet>;
  /** Oldest first. */
  readonly events: StackEvent[];
}

export const exportsOf = (stack: Stack): readonly string[] =>
  stack.outputs.flatMap((output) => output.exportName ?? []);
