import type { Action } from "./plan.ts";
import type { OperatorRequest, RequestOutcome, Requests } from "./requests.ts";

/** Answers an operator's wish. */
export interface AnswerRequest extends Action {
  readonly kind: "answer-request";
  readonly requestId: string;
  readonly state: RequestOutcome["state"];
  readonly answer: string;
}

export const answerRequest = (
  request: OperatorRequest,
  state: RequestOutcome["state"],
  answer: string,
): AnswerRequest => ({
  kind: "answer-request",
  requestId: request.id,
  state,
  answer,
  reason: `${request.action} ${state}: ${answer}`,
  precondition: `request ${request.id} is open`,
  idempotencyKey: `answer ${request.id} ${state}`,
});

export async function answerHolds(requests: Requests, action: AnswerRequest): Promise<true | string> {
  const request = await requests.get(action.requestId);
  if (request === undefined) return `request ${action.requestId} is forgotten`;
  return (
    request.state === "pending" ||
    request.state === "standing" ||
    `request ${action.requestId} is already ${request.state}`
  );
}

export async function applyAnswer(requests: Requests, action: AnswerRequest): Promise<string> {
  await requests.settle(action.requestId, { state: action.state, answer: action.answer });
  return `request ${action.requestId} is ${action.state}: ${action.answer}`;
}
