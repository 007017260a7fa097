import { CloudError } from "../../errors.ts";

/**
 * A text filter pattern as a test of a message: every term must occur, of the `?terms` at least one, no `-term`;
 * a term in double quotes may hold spaces. Patterns for JSON and for columns are refused by name.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */
export function filterFrom(pattern: string | undefined): (message: string) => boolean {
  const text = (pattern ?? "").trim();
  if (/^[{[%]/.test(text)) {
    throw new CloudError(
      "InvalidParameterException",
      `filterPattern ${text}: the embedded cloud knows patterns of text terms, not of JSON, columns or regular expressions`,
    );
  }
  const terms = [...text.matchAll(/([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))/g)].map(([, sign = "", quoted, plain]) => ({
    sign,
    text: quoted?.replaceAll(/\\(.)/g, "$1") ?? plain ?? "",
  }));
  const of = (sign: string): string[] => terms.filter((term) => term.sign === sign).map((term) => term.text);
  const [all, any, none] = [of(""), of("?"), of("-")];
  return (message) =>
    all.every((term) => message.includes(term)) &&
    (any.length === 0 || any.some((term) => message.includes(term))) &&
    !none.some((term) => message.includes(term));
}
