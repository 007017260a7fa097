/** An operating error: what happened (`code`, message), what to do next, and whether trying again can help. */
export class TandemError extends Error {
  readonly code: string;
  readonly next: string;
  readonly retriable: boolean;

  constructor(code: string, message: string, how: { next: string; retriable?: boolean; cause?: unknown }) {
    super(message, how.cause === undefined ? undefined : { cause: how.cause });
    this.name = "TandemError";
    this.code = code;
    this.next = how.next;
    this.retriable = how.retriable ?? false;
  }
}
