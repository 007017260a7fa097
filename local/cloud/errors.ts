/** An error that a caller of the embedded cloud sees, in the shape that AWS gives it. */
export class CloudError extends Error {
  /** The code as AWS documents it for the operation, e.g. `ResourceNotFoundException`. */
  readonly code: string;
  readonly status: number;
  /** Further members of the error's shape, e.g. the `Item` of a failed condition. */
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, status = 400, detail: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
    this.detail = detail;
  }
}
