import { answerRequest, type AnswerRequest } from "../../reconcile/answer.ts";
import { isKnown, type Fact } from "../../reconcile/fact.ts";
import type { Action } from "../../reconcile/plan.ts";
import type { OperatorRequest } from "../../reconcile/requests.ts";
import type { Group, GroupInstance, LaunchTemplate } from "../../lifecycle/observation.ts";

/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstanceRefresh.html */
export type RefreshStatus =
  | "Pending"
  | "InProgress"
  | "Baking"
  | "Successful"
  | "Failed"
  | "Cancelling"
  | "Cancelled"
  | "RollbackInProgress"
  | "RollbackSuccessful"
  | "RollbackFailed";

/** A rolling replacement of the group's nodes, as Auto Scaling tells it. Times are milliseconds since the epoch. */
export interface InstanceRefresh {
  readonly id: string;
  readonly status: RefreshStatus;
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly percent: number;
  /** Nodes that are still to be replaced. */
  readonly toUpdate: number;
  /** Version of the template that it rolls out; absent where the refresh names none. */
  readonly to?: string;
  readonly reason?: string;
  readonly rollbackReason?: string;
}

/** Read only while an operator wants something of a refresh. */
export interface RefreshFacts {
  /** Newest first. */
  readonly refreshes: readonly InstanceRefresh[];
  /** Nodes of the warm pool, which are replaced too. */
  readonly pool: readonly GroupInstance[];
}

export interface RefreshObservation {
  readonly now: number;
  readonly groupName: string;
  readonly group: Group;
  readonly refresh: Fact<RefreshFacts>;
  readonly requests: readonly OperatorRequest[];
}

/**
 * Gives the group the version back that its nodes run. A rollback goes back to what the group had when the refresh
 * began, and a deployment has set that to the newest version already.
 */
export interface PinTemplate extends Action {
  readonly kind: "pin-template";
  readonly group: string;
  readonly templateId: string;
  readonly from: string;
  readonly to: string;
}

export interface StartRefresh extends Action {
  readonly kind: "start-refresh";
  readonly group: string;
  readonly templateId: string;
  readonly from: string;
  readonly to: string;
  readonly minHealthyPercent: number;
  readonly checkpoints: readonly number[];
  readonly checkpointDelaySeconds: number;
}

/** Cancels the refresh that is under way, or rolls it back. */
export interface StopRefresh extends Action {
  readonly kind: "cancel-refresh" | "roll-back-refresh";
  readonly group: string;
  readonly refreshId: string;
}

export type RefreshAction = PinTemplate | StartRefresh | StopRefresh;

type Wish = OperatorRequest & { readonly action: "refresh" | StopRefresh["kind"] };
type RefreshWish = OperatorRequest & { readonly action: "refresh" };

/** A wish that could not be begun by then (frozen, no permission) would come as a surprise later. */
const BEGIN_MS_MAX = 600_000;
/** Auto Scaling's clock and ours. */
const CLOCKS_MS = 5_000;
const HOLDING: readonly string[] = ["InstanceRefresh", "Launch", "Terminate"];

export const isRefreshWish = (request: OperatorRequest): request is Wish =>
  request.action === "refresh" || request.action === "cancel-refresh" || request.action === "roll-back-refresh";

export const isUnderWay = ({ status }: InstanceRefresh): boolean =>
  ["Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress"].includes(status);

/** What is to be done about a roll-out, and what operators are told of it. What is unknown starts and stops nothing. Pure. */
export function planRefresh(o: RefreshObservation): readonly (RefreshAction | AnswerRequest)[] {
  if (!isKnown(o.refresh)) return [];
  const facts = o.refresh.known;
  const claimed = new Set<string>();
  return o.requests.filter(isRefreshWish).flatMap((wish): readonly (RefreshAction | AnswerRequest)[] => {
    if (wish.action !== "refresh") return stop(o, facts, wish);
    const own = ownOf(wish, facts.refreshes, claimed);
    if (own !== undefined) {
      claimed.add(own.id);
      return follow(o, wish, own);
    }
    if (wish.state === "standing")
      return [
        answerRequest(wish, "refused", "Auto Scaling does not tell of this refresh any more: look at tandem status"),
      ];
    return begin(o, facts, wish);
  });
}

/** The refresh that this wish began: the call's answer may be lost, but there is only one at a time. */
const ownOf = (
  wish: RefreshWish,
  refreshes: readonly InstanceRefresh[],
  claimed: ReadonlySet<string>,
): InstanceRefresh | undefined =>
  refreshes.find(
    ({ id, to, startedAt }) =>
      !claimed.has(id) && to === String(wish.args.version) && startedAt >= wish.createdAt - CLOCKS_MS,
  );

/** Tells what became of the refresh. */
function follow(o: RefreshObservation, wish: RefreshWish, own: InstanceRefresh): readonly AnswerRequest[] {
  const nodes = spread(o.group);
  if (isUnderWay(own)) {
    if (wish.state === "standing") return [];
    return [
      answerRequest(wish, "standing", `refresh ${own.id} replaces the nodes by ones of version ${wish.args.version}`),
    ];
  }
  const why = own.rollbackReason ?? own.reason;
  const because = why === undefined ? "" : `: ${why}`;
  switch (own.status) {
    case "Successful":
      return [answerRequest(wish, "done", `version ${wish.args.version} is rolled out; ${nodes}`)];
    case "RollbackSuccessful":
      return [answerRequest(wish, "refused", `version ${wish.args.version} was rolled back${because}; ${nodes}`)];
    default:
      return [answerRequest(wish, "refused", `the refresh is ${own.status} at ${own.percent} %${because}; ${nodes}`)];
  }
}

function begin(
  o: RefreshObservation,
  facts: RefreshFacts,
  wish: RefreshWish,
): readonly (RefreshAction | AnswerRequest)[] {
  const refused = (why: string): AnswerRequest[] => [answerRequest(wish, "refused", why)];
  const { group } = o;
  const to = String(wish.args.version);
  const active = facts.refreshes.find(isUnderWay);
  if (active !== undefined)
    return refused(
      `refresh ${active.id}${active.to === undefined ? "" : ` to version ${active.to}`} is ${active.status} at ` +
        `${active.percent} %: wait for its end, or end it with tandem refresh --cancel or --rollback`,
    );
  if (o.now - wish.createdAt > BEGIN_MS_MAX) return refused("it could not begin within ten minutes: state it again");
  if (group.template === undefined) return refused(`${o.groupName} has no launch template: deploy the farm`);
  const { id: templateId, version } = group.template;
  if (version.startsWith("$"))
    return refused(
      `${o.groupName} follows ${version}, and only a numbered version can be rolled back to: deploy the farm`,
    );
  const held = group.suspended.find((process) => HOLDING.includes(process));
  if (held !== undefined) return refused(`${held} is suspended on ${o.groupName}: nothing can be replaced`);
  const nodes = [...group.instances, ...facts.pool];
  const isNew = ({ template }: GroupInstance): boolean => template?.id === templateId && template.version === to;
  if (version === to && nodes.every(isNew))
    return [answerRequest(wish, "done", `nothing to replace: ${spread(group)}, the newest of its template`)];
  const from = version === to ? provenVersion(nodes, templateId, to) : version;
  if (from === undefined)
    return refused(`no node of ${o.groupName} runs another version of its template to go back to`);
  return [
    ...(version === to ? [pinTemplate(o, { id: templateId, version: to }, from)] : []),
    startRefresh(o, templateId, from, wish),
  ];
}

/** What most nodes in service run, or else most of the others; of equals the newest. */
function provenVersion(nodes: readonly GroupInstance[], templateId: string, to: string): string | undefined {
  const old = nodes.filter(({ template }) => template?.id === templateId && template.version !== to);
  const serving = old.filter(({ lifecycleState, healthy }) => lifecycleState === "InService" && healthy);
  const versions = (serving.length > 0 ? serving : old).map(({ template }) => template?.version ?? "");
  const count = (version: string): number => versions.filter((one) => one === version).length;
  return versions.toSorted((a, b) => count(b) - count(a) || Number(b) - Number(a))[0];
}

const pinTemplate = (o: RefreshObservation, { id, version }: LaunchTemplate, to: string): PinTemplate => ({
  kind: "pin-template",
  group: o.groupName,
  templateId: id,
  from: version,
  to,
  reason: `${o.groupName} shall launch version ${to} again, which its nodes run, so that a rollback has it to go back to`,
  precondition: `${o.groupName} launches version ${version} and no refresh is under way`,
  idempotencyKey: `pin-template ${o.groupName} ${version} ${to}`,
});

const startRefresh = (o: RefreshObservation, templateId: string, from: string, wish: RefreshWish): StartRefresh => {
  const { version, minHealthyPercent, checkpoints, checkpointDelaySeconds } = wish.args;
  const between = checkpoints.slice(0, -1);
  const pauses = between.length === 0 ? "" : `, with a pause at ${between.join(", ")} %`;
  return {
    kind: "start-refresh",
    group: o.groupName,
    templateId,
    from,
    to: String(version),
    minHealthyPercent,
    checkpoints,
    checkpointDelaySeconds,
    reason: `an operator wants version ${version} instead of ${from} on every node, ${minHealthyPercent} % of them healthy${pauses}`,
    precondition: `${o.groupName} launches version ${from} and no refresh is under way`,
    idempotencyKey: `start-refresh ${wish.id}`,
  };
};

const STOPPED = {
  "cancel-refresh": { going: "Cancelling", gone: "Cancelled", words: "cancelled; what was replaced stays" },
  "roll-back-refresh": { going: "RollbackInProgress", gone: "RollbackSuccessful", words: "rolled back" },
} as const;

function stop(
  o: RefreshObservation,
  { refreshes }: RefreshFacts,
  wish: Wish & { readonly action: StopRefresh["kind"] },
): readonly (RefreshAction | AnswerRequest)[] {
  const { going, gone, words } = STOPPED[wish.action];
  const [latest] = refreshes;
  const isSince = latest?.endedAt !== undefined && latest.endedAt >= wish.createdAt - CLOCKS_MS;
  if (latest !== undefined && (latest.status === going || (latest.status === gone && isSince)))
    return [answerRequest(wish, "done", `refresh ${latest.id} is ${latest.status === going ? "being " : ""}${words}`)];
  if (latest === undefined || !isUnderWay(latest)) return [answerRequest(wish, "refused", "no refresh is under way")];
  if (latest.status === "Cancelling")
    return [answerRequest(wish, "refused", `refresh ${latest.id} is being cancelled already`)];
  if (wish.action === "roll-back-refresh" && latest.to === undefined)
    return [
      answerRequest(wish, "refused", `refresh ${latest.id} names no version, and such a one cannot be rolled back`),
    ];
  return [
    {
      kind: wish.action,
      group: o.groupName,
      refreshId: latest.id,
      reason: `an operator wants the refresh ${words}, at ${latest.percent} %`,
      precondition: `refresh ${latest.id} is under way`,
      idempotencyKey: `${wish.action} ${latest.id}`,
    },
  ];
}

/** e.g. `2 nodes run version 4, 1 runs version 5`. */
function spread({ instances }: Group): string {
  const counts = new Map<string, number>();
  for (const { template } of instances) {
    const version = template?.version ?? "unknown";
    counts.set(version, (counts.get(version) ?? 0) + 1);
  }
  const words = [...counts]
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([version, count]) => `${count} ${count === 1 ? "node runs" : "nodes run"} version ${version}`);
  return words.length === 0 ? "there are no nodes" : words.join(", ");
}
