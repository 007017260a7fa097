/** Put before a `*` or `?` that stands for itself: no ARN, tag or name has this character. */
export const LITERAL_MARK = "\u0000";

const escaped = (text: string): string => text.replaceAll(/[.+^${}()|[\]\\/-]/g, String.raw`\$&`);

/** A farm has a few hundred patterns; a policy made to fill the memory must not. */
const COMPILED_MAX = 10_000;

/** Policies are short and compared often: each pattern is compiled once, by kind of comparison. */
const compiled = { text: new Map<string, RegExp>(), resource: new Map<string, RegExp>() };

/** `star` gives the expression of a run of stars that is followed by the rest of the pattern. */
function compile(kind: keyof typeof compiled, pattern: string, one: string, star: (rest: string) => string): RegExp {
  const known = compiled[kind].get(pattern);
  if (known !== undefined) return known;
  if (compiled[kind].size >= COMPILED_MAX) compiled[kind].clear();
  const source = pattern.replaceAll(/\0[*?]|\*+|\?|[^*?\0]+/g, (token, at: number) => {
    if (token.startsWith(LITERAL_MARK)) return `\\${token.slice(1)}`;
    if (token.startsWith("*")) return star(pattern.slice(at + token.length));
    return token === "?" ? one : escaped(token);
  });
  const made = new RegExp(`^${source}$`, "s");
  compiled[kind].set(pattern, made);
  return made;
}

/** Whether `text` has the form of `pattern`, in which `*` and `?` stand for anything, colons included. */
export const matchesText = (pattern: string, text: string): boolean =>
  compile("text", pattern, ".", () => ".*").test(text);

/**
 * Whether `arn` has the form of the Resource element `pattern`. A `*` inside a segment ends at its colon; one that ends
 * a segment may go beyond it.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
 */
export const matchesResource = (pattern: string, arn: string): boolean =>
  compile("resource", pattern, "[^:]", (rest) => (rest === "" || rest.startsWith(":") ? ".*" : "[^:]*")).test(arn);

const ARN_PARTS = 6;

function arnParts(arn: string): readonly string[] {
  const parts = arn.split(":");
  return [...parts.slice(0, ARN_PARTS - 1), parts.slice(ARN_PARTS - 1).join(":")];
}

/** The condition ArnLike: each of the six parts by itself, wildcards in any of them. */
export function matchesArn(pattern: string, arn: string): boolean {
  const [wanted, given] = [arnParts(pattern), arnParts(arn)];
  return wanted.every((part, index) => matchesText(part, given[index] ?? ""));
}
