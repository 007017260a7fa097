/** What the farm tells the leader of a machine. */
export type ToMachine =
  | { readonly type: "boot"; readonly userData: string | undefined; readonly perBoot: string }
  | {
      readonly type: "run";
      readonly id: number;
      readonly file: string;
      readonly stdout: string;
      readonly stderr: string;
      readonly timeoutMs: number;
      readonly env: Readonly<Record<string, string>>;
    }
  | { readonly type: "cancel"; readonly id: number };

/** What the leader answers. */
export type FromMachine =
  | { readonly type: "ready" }
  | { readonly type: "ended"; readonly id: number; readonly exitCode: number | null; readonly timedOut: boolean };

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** Both ends are our own code over a private pipe: the discriminator is what can be wrong, and it is checked. */
export const isToMachine = (value: unknown): value is ToMachine =>
  isRecord(value) && (value["type"] === "boot" || value["type"] === "run" || value["type"] === "cancel");

export const isFromMachine = (value: unknown): value is FromMachine =>
  isRecord(value) && (value["type"] === "ready" || (value["type"] === "ended" && typeof value["id"] === "number"));
