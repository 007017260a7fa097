import { CloudError } from "../../errors.ts";

/** One page; the token is the index of the next record. Throws InvalidNextToken, ValidationException. */
export function page<R>(
  rows: readonly R[],
  wish: { MaxResults?: number | undefined; NextToken?: string | undefined },
  maximum: number,
): { rows: R[]; NextToken?: string } {
  const start = wish.NextToken === undefined ? 0 : Number(wish.NextToken);
  if (!Number.isInteger(start) || start < 0)
    throw new CloudError("InvalidNextToken", "The specified token isn't valid.");
  const size = wish.MaxResults ?? maximum;
  if (size < 1 || size > maximum) {
    throw new CloudError("ValidationException", `Member must have value less than or equal to ${maximum}: maxResults`);
  }
  const end = start + size;
  return { rows: rows.slice(start, end), ...(end < rows.length && { NextToken: String(end) }) };
}
