import { answerRequest, type AnswerRequest } from "../reconcile/answer.ts";
import type { Group } from "../lifecycle/observation.ts";
import type { OperatorRequest } from "../reconcile/requests.ts";

export interface Floor {
  readonly count: number;
}

/** The newest valid wish is the floor until it expires; older ones are superseded, impossible ones refused. */
export function answerWishes(
  requests: readonly OperatorRequest[],
  group: Group,
): { floor?: Floor; answers: AnswerRequest[] } {
  const wishes = requests.filter((request) => request.action === "scale");
  const isPossible = (count: number): boolean => Number.isInteger(count) && count >= group.min && count <= group.max;
  const newest = wishes.findLast((wish) => wish.state === "standing" || isPossible(wish.args.count));
  const answers = wishes.flatMap((wish): AnswerRequest[] => {
    if (wish === newest)
      return wish.state === "standing"
        ? []
        : [answerRequest(wish, "standing", `at least ${wish.args.count} nodes until the wish expires`)];
    if (isPossible(wish.args.count) || wish.state === "standing")
      return [answerRequest(wish, "done", `superseded by the newer wish for ${newest?.args.count ?? 0} nodes`)];
    return [
      answerRequest(
        wish,
        "refused",
        `count is ${wish.args.count}, allowed is a whole number from ${group.min} to ${group.max}`,
      ),
    ];
  });
  return { answers, ...(newest === undefined ? {} : { floor: { count: newest.args.count } }) };
}
