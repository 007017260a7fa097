import type { Fault, Invocation } from "./runtime.ts";

/** What the parent tells the process of an execution environment. */
export type ToEnvironment =
  | { readonly kind: "init"; readonly codeFolder: string; readonly handler: string; readonly runtime: string }
  | { readonly kind: "invoke"; readonly invocation: Invocation };

/** What the process of an execution environment tells its parent. */
export type FromEnvironment =
  | { readonly kind: "ready" }
  | { readonly kind: "init-failed"; readonly fault: Fault }
  | { readonly kind: "output"; readonly message: string }
  | { readonly kind: "returned"; readonly payload: string; readonly memoryUsedMb: number }
  | { readonly kind: "failed"; readonly fault: Fault; readonly memoryUsedMb: number }
  /** Nobody caught it: the process exits right after this message. */
  | { readonly kind: "dying"; readonly fault: Fault };
