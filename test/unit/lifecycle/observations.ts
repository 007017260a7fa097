import { absent, known } from "../../../lib/reconcile/fact.ts";
import type { CommandRun, HookObservation, HookRecord, MachineState } from "../../../lib/lifecycle/observation.ts";

export const NOW = Date.UTC(2026, 0, 1, 12);
export const NODE = "i-00000000000000001";
export const GROUP = "tandem-local-web";

/** A machine that was started five seconds ago, or earlier. */
export const machine = (state: MachineState = "running", agoMs = 5_000) => known({ state, launchedAt: NOW - agoMs });

export const member = (lifecycleState: string, group = GROUP, healthy = true) =>
  known({ group, lifecycleState, healthy });

export const record = (parts: Partial<HookRecord> = {}) =>
  known<HookRecord>({ waitingSince: NOW - 5_000, attempt: 0, heartbeats: 0, heartbeatsRefused: false, ...parts });

/** The record of an attempt that was sent some time ago. */
export const sent = (attempt = 1, agoMs = 2_000, parts: Partial<HookRecord> = {}) =>
  record({ waitingSince: NOW - agoMs - 1_000, heartbeatAt: NOW - 1_000, attempt, requestedAt: NOW - agoMs, ...parts });

export const run = (parts: Partial<CommandRun> = {}) =>
  known<CommandRun>({ commandId: "c-1", state: "running", output: "", ...parts });

export const failed = (exitCode: number, output: string, agoMs = 0) =>
  run({ state: "failed", exitCode, output, finishedAt: NOW - agoMs });

/** A node in its launch hook that nothing was done for yet. */
export const launching = (parts: Partial<HookObservation> = {}): HookObservation => ({
  instanceId: NODE,
  now: NOW,
  groups: [GROUP],
  membership: member("Pending:Wait"),
  machine: machine(),
  agent: absent,
  record: absent,
  command: absent,
  ...parts,
});

/** A node in its terminate hook, with its agent online. */
export const terminating = (parts: Partial<HookObservation> = {}): HookObservation =>
  launching({
    membership: member("Terminating:Wait"),
    machine: machine("running", 600_000),
    agent: known("online"),
    ...parts,
  });
