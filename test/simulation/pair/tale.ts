import type { DatabaseNode } from "../../../lib/spec.ts";
import type { Deed, Output } from "./event.ts";
import { emptyPair, type PairState } from "./state.ts";
import { step } from "./step.ts";
import { rowsOf, serverState } from "./view.ts";
import { openPairWitness } from "./witness.ts";

export const UUIDS = {
  "db-a": "aaaaaaaa-0000-4000-8000-000000000001",
  "db-b": "bbbbbbbb-0000-4000-8000-000000000002",
} as const;
export const ADDRESSES = { "db-a": "10.0.0.1", "db-b": "10.0.0.2" } as const;

/** The reducer told step by step, with its own time. */
export function openTale(flavour: "mysql" | "mariadb" = "mysql", isSingle: () => boolean = () => true) {
  let state: PairState = emptyPair(0, flavour);
  const out: Output[] = [];
  const witness = openPairWitness(isSingle);
  const tale = {
    out,
    witness,
    state: () => state,
    server: (node: DatabaseNode) => state.servers[node],
    /** So many milliseconds later this happens. */
    next(happening: Deed, laterMs = 0) {
      const [before, event] = [state, { ...happening, at: state.at + laterMs }];
      const done = step(before, event);
      state = done.state;
      out.push(...done.out);
      witness.saw(before, event, done);
      return tale;
    },
    pass: (ms: number) => tale.next({ kind: "time" }, ms),
    write: (node: DatabaseNode, id: string, key?: string, value = "its own") =>
      tale.next({
        kind: "write",
        node,
        write: { id, client: "app", content: { kind: "row", id, ...(key === undefined ? {} : { key, value }) } },
      }),
    /** Ids of writes whose client heard so. */
    heard: (kind: Output["kind"]) => out.flatMap((each) => (each.kind === kind ? [each.write.id] : [])),
    codes: () => out.flatMap((each) => (each.kind === "failed" ? [each.code] : [])),
    seen: (node: DatabaseNode) => serverState(state, node, (each) => ADDRESSES[each]),
    channel: (node: DatabaseNode) => serverState(state, node, (each) => ADDRESSES[each]).channels[0],
    /** Ids of the rows that its sessions see. */
    rows: (node: DatabaseNode) => rowsOf(state, node),
  };
  return tale;
}

/** db-a writes and waits for db-b, which acknowledges; both directions replicate, and nothing is on its way. */
export function healthyPair(flavour: "mysql" | "mariadb" = "mysql", isSingle?: () => boolean) {
  const tale = openTale(flavour, isSingle);
  const identity = {
    "db-a": flavour === "mysql" ? UUIDS["db-a"] : "1",
    "db-b": flavour === "mysql" ? UUIDS["db-b"] : "2",
  };
  for (const node of ["db-a", "db-b"] as const)
    tale.next({ kind: "install", node, identity: identity[node] }).next({ kind: "start", node, recoveryMs: 1_000 });
  tale.pass(1_000);
  for (const node of ["db-a", "db-b"] as const)
    tale.next({ kind: "semi-sync", node, role: "replica", on: true }).next({ kind: "replicate", node });
  tale
    .next({ kind: "semi-sync", node: "db-a", role: "source", on: true })
    .next({ kind: "read-only", node: "db-a", on: false })
    .next({ kind: "write", node: "db-a", write: { id: "schema", client: "controller", content: { kind: "schema" } } });
  return tale.pass(3_000);
}
