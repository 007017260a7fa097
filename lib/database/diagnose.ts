import type { Problem } from "../reconcile/plan.ts";
import type { DatabaseNode } from "../spec.ts";
import { isWritable, type ServerFact, type ServerState } from "./server.ts";

/** What the problem table sees of one of the two servers. */
export interface NodeFacts {
  readonly name: DatabaseNode;
  /** Whether its machine has passed its launch hook: before that, a server that does not answer is no problem. */
  readonly inService: boolean;
  readonly server: ServerFact;
}

/** A row of the problem table. It says what is wrong, and nothing about what to do. */
interface ProblemRule {
  readonly code: string;
  /** Smaller is told first. */
  readonly priority: number;
  readonly find: (nodes: readonly NodeFacts[]) => readonly Omit<Problem, "code">[];
}

/**
 * The problem table. All problems are found at once; each rule reads only what is known, so that an unknown server is
 * never taken for a dead, an empty or a read-only one. docs/OPERATIONS.md has an entry per code.
 */
export const PROBLEMS: readonly ProblemRule[] = [
  {
    code: "two-writers",
    priority: 10,
    find: (nodes) => {
      const writers = writersOf(nodes);
      return writers.length < 2
        ? []
        : [{ detail: `${writers.map((node) => node.name).join(" and ")} accept writes in mode single-writer` }];
    },
  },
  {
    code: "no-writer",
    priority: 20,
    find: (nodes) => {
      const known = knownOf(nodes);
      const isCertain = nodes.length > 0 && known.length === nodes.length;
      return isCertain && writersOf(nodes).length === 0 ? [{ detail: "every server is read-only" }] : [];
    },
  },
  {
    code: "server-unreachable",
    priority: 30,
    find: (nodes) => unread(nodes, (cause) => cause === "refused" || cause === "silent"),
  },
  {
    code: "server-unreadable",
    priority: 40,
    find: (nodes) => unread(nodes, (cause) => cause !== "refused" && cause !== "silent"),
  },
  {
    code: "replication-not-configured",
    priority: 50,
    find: (nodes) =>
      knownOf(nodes)
        .filter(({ server }) => server.channels.length === 0)
        .map(({ name }) => ({ node: name, detail: `${name} receives from no other server` })),
  },
];

/** Everything that is wrong with the pair, most urgent first. Pure. */
export const diagnose = (nodes: readonly NodeFacts[]): readonly Problem[] =>
  PROBLEMS.toSorted((a, b) => a.priority - b.priority).flatMap(({ code, find }) =>
    find(nodes).map((finding) => ({ code, ...finding })),
  );

interface KnownNode {
  readonly name: DatabaseNode;
  readonly server: ServerState;
}

const knownOf = (nodes: readonly NodeFacts[]): readonly KnownNode[] =>
  nodes.flatMap(({ name, server }) => ("known" in server ? [{ name, server: server.known }] : []));

export const writersOf = (nodes: readonly NodeFacts[]): readonly KnownNode[] =>
  knownOf(nodes).filter(({ server }) => isWritable(server));

const unread = (nodes: readonly NodeFacts[], isMeant: (cause: string) => boolean): readonly Omit<Problem, "code">[] =>
  nodes.flatMap(({ name, inService, server }) =>
    inService && "unknown" in server && isMeant(server.cause) ? [{ node: name, detail: server.unknown }] : [],
  );
