import type { Action } from "../reconcile/plan.ts";
import type { Transition } from "./observation.ts";

interface HookStep extends Action {
  readonly instanceId: string;
  readonly group: string;
  readonly transition: Transition;
  /** Kept in the record by whoever writes it first. */
  readonly waitingSince: number;
}

/** Runs the transition's document on the node. */
export interface SendCommand extends HookStep {
  readonly kind: "send-command";
  readonly attempt: number;
}

/** Restarts the hook's timeout. */
export interface Heartbeat extends HookStep {
  readonly kind: "heartbeat";
}

/** Ends the wait. ABANDON is for launches only: a termination goes on either way, and ABANDON can retain the instance. */
export type CompleteHook = HookStep & { readonly kind: "complete-hook" } & (
    | { readonly result: "CONTINUE" }
    | { readonly result: "ABANDON"; readonly transition: "launching" | "warming" }
  );

export type HookAction = SendCommand | Heartbeat | CompleteHook;

export const isHookAction = (action: Action): action is HookAction =>
  action.kind === "send-command" || action.kind === "heartbeat" || action.kind === "complete-hook";
