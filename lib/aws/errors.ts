import { TandemError } from "../errors.ts";

/** Names of AWS errors by what they mean for the caller; everything else is judged by its HTTP status. */
const THROTTLED =
  /Throttl|TooManyRequests|RequestLimitExceeded|ProvisionedThroughputExceeded|SlowDown|PriorRequestNotComplete|LimitExceededException/;
const DENIED =
  /AccessDenied|UnauthorizedOperation|AuthFailure|UnrecognizedClient|InvalidClientTokenId|ExpiredToken|SignatureDoesNotMatch|CredentialsProviderError/;
const NOT_FOUND = /NotFound|NoSuch|DoesNotExist|InvalidInstanceId/;
const CONFLICT =
  /ResourceContention|ResourceInUse|InProgress|ConflictException|AlreadyExists|ScalingActivityInProgress/;
const INVALID = /Validation|InvalidParameter|InvalidRequest|MissingParameter|Malformed/;
const UNREACHABLE = /Timeout|ECONNREFUSED|ECONNRESET|ENOTFOUND|EPIPE|NetworkingError|socket hang up/i;

/** The codes of TandemError that an AWS call can end in. */
export type AwsErrorCode =
  | "aws-throttled"
  | "aws-unavailable"
  | "aws-denied"
  | "aws-not-found"
  | "aws-conflict"
  | "aws-invalid"
  | "aws-failed";

const NEXT: Readonly<Record<AwsErrorCode, string>> = {
  "aws-throttled": "nothing: it is tried again; if it lasts, ask AWS for a higher request quota",
  "aws-unavailable": "nothing: it is tried again; if it lasts, see the AWS Health Dashboard",
  "aws-denied": "allow the action named here in the role of the function (infra/)",
  "aws-not-found": "look whether the resource named here was removed by hand; deploy again to restore it",
  "aws-conflict": "nothing: it is tried again when the change in progress has ended",
  "aws-invalid": "compare the call named here with the API reference: this is a defect of Tandem",
  "aws-failed": "read the message; if it says nothing, deploy again and look at the function's log",
};

const RETRIABLE: ReadonlySet<AwsErrorCode> = new Set(["aws-throttled", "aws-unavailable", "aws-conflict"]);

/** The error name as AWS gives it (`ValidationError`, `InvalidInstanceId`), also from inside a TandemError made here. */
export function awsErrorName(error: unknown): string | undefined {
  if (error instanceof TandemError) return error.cause === undefined ? undefined : awsErrorName(error.cause);
  return error instanceof Error ? error.name : undefined;
}

/** The message as AWS gives it, also from inside a TandemError made here. */
export function awsErrorMessage(error: unknown): string {
  if (error instanceof TandemError && error.cause !== undefined) return awsErrorMessage(error.cause);
  return error instanceof Error ? error.message : String(error);
}

/** `doing` names the call and its object, e.g. `set desired capacity of tandem-local-web to 3`. */
export function awsError(error: unknown, doing: string): TandemError {
  if (error instanceof TandemError) return error;
  const code = classify(error);
  const name = awsErrorName(error);
  return new TandemError(
    code,
    `could not ${doing}: ${name === undefined ? "" : `${name}: `}${awsErrorMessage(error)}`,
    {
      next: NEXT[code],
      retriable: RETRIABLE.has(code),
      cause: error,
    },
  );
}

/** Runs one AWS call; what it throws becomes a TandemError that says what was being done. */
export async function callAws<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw awsError(error, doing);
  }
}

function classify(error: unknown): AwsErrorCode {
  const name = awsErrorName(error) ?? "";
  if (THROTTLED.test(name)) return "aws-throttled";
  if (DENIED.test(name)) return "aws-denied";
  if (CONFLICT.test(name)) return "aws-conflict";
  if (NOT_FOUND.test(name)) return "aws-not-found";
  if (INVALID.test(name)) return "aws-invalid";
  if (UNREACHABLE.test(name) || UNREACHABLE.test(socketCode(error))) return "aws-unavailable";
  const status = httpStatus(error);
  if (status === undefined) return "aws-failed";
  if (status === 429) return "aws-throttled";
  if (status >= 500) return "aws-unavailable";
  return status === 403 ? "aws-denied" : "aws-failed";
}

/** `code` of a Node.js system error. */
const socketCode = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

/** HTTP status of an SDK error: its `$metadata.httpStatusCode`. */
function httpStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  return typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}
