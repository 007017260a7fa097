import type { Clock } from "../clock.ts";
import type { Spec } from "../spec.ts";
import { filesAws, type FilesClients } from "./aws.ts";

export type FilesDeps = FilesClients & { readonly spec: Spec; readonly clock: Clock };

/** A node reports every 10 s; one that has been silent for six times as long may have lost its share meanwhile. */
const REPORT_MS_MAX = 60_000;

/** A node's share, by its own word. */
export type MountFact = boolean | { readonly unknown: string };

/**
 * Whether each of these web nodes of a group has the share mounted, by what it reported last. Who has not reported lately is unknown.
 * @throws TandemError if the reports cannot be read
 */
export async function observeMounts(
  deps: FilesDeps,
  group: string,
  instanceIds: readonly string[],
): Promise<ReadonlyMap<string, MountFact>> {
  const { spec, clock } = deps;
  const window = { now: clock.now(), windowMs: REPORT_MS_MAX };
  const reported = await filesAws(deps).mounts(spec.metricNamespace, group, instanceIds, window);
  const silent = { unknown: `the node has not reported its share in the last ${REPORT_MS_MAX / 1000} s` };
  return new Map(instanceIds.map((id) => [id, reported.get(id) ?? silent]));
}
