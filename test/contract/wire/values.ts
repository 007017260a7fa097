import { NumericValue } from "@smithy/core/serde";
import type { NormalizedSchema } from "@smithy/core/schema";
import { requiredMembers } from "../../../local/cloud/wire/schema.ts";

/** A stream of numbers in [0, 1) that is the same for the same seed (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Choices {
  readonly random: () => number;
  /** Values that clients insist on, by member name, e.g. a bucket that is a bucket's name. */
  readonly fixed: Readonly<Record<string, unknown>>;
}

/** Structures within structures; deeper ones hold only scalars and what is required, so recursive shapes end. */
const DEPTH_MAX = 4;

/** What a member bound to the status of a response says: one that clients take for a success. */
const ACCEPTED = 202;

const WORDS = ["web", "a b", "ü€", "<&>\"'", "1/2", "x=y&z", "100%", "+", "null", "tab\tend", "#;?"];
const PLAIN = ["web", "node-1", "x_y", "A1", "z.9"];

const pick = <T>(random: () => number, from: readonly T[]): T => {
  const value = from[Math.floor(random() * from.length)];
  if (value === undefined) throw new Error("nothing to pick from");
  return value;
};

function text(schema: NormalizedSchema, { random }: Choices): string {
  const traits = schema.getMergedTraits();
  const inHead = traits.httpHeader ?? traits.httpPrefixHeaders ?? traits.httpLabel;
  if (traits.mediaType?.includes("json")) return JSON.stringify({ [pick(random, PLAIN)]: 1 });
  const words = inHead === undefined ? WORDS : PLAIN;
  return `${pick(random, words)}${pick(random, words)}${pick(random, PLAIN)}`;
}

const number = (random: () => number): number => Math.floor(random() * 1_000) + 1;

function scalar(schema: NormalizedSchema, choices: Choices): unknown {
  const { random } = choices;
  if (schema.isBooleanSchema()) return random() < 0.5;
  if (schema.isBlobSchema()) return Uint8Array.from([number(random) % 256, 0, 255]);
  // whole seconds: HTTP dates have no more
  if (schema.isTimestampSchema()) return new Date(1_700_000_000_000 + number(random) * 1_000);
  if (schema.isBigIntegerSchema()) return BigInt(number(random));
  if (schema.isBigDecimalSchema()) return new NumericValue(`${number(random)}.5`, "bigDecimal");
  if (schema.getMergedTraits().httpResponseCode) return ACCEPTED;
  if (schema.isNumericSchema()) return number(random);
  if (schema.isDocumentSchema()) return { word: pick(random, WORDS), list: [number(random)] };
  return text(schema, choices);
}

function struct(schema: NormalizedSchema, choices: Choices, depth: number): Record<string, unknown> {
  const members = [...schema.structIterator()].filter(([, member]) => !isEventStream(member));
  const required = new Set(requiredMembers(schema));
  const wanted = schema.isUnionSchema()
    ? [pick(choices.random, depth < DEPTH_MAX ? members : shallowFirst(members))]
    : members.filter(([name, member]) => depth < DEPTH_MAX || isShallow(member) || required.has(name));
  return Object.fromEntries(
    wanted.map(([name, member]) => [
      name,
      isFixed(name, member, choices) ? choices.fixed[name] : made(member, choices, depth + 1),
    ]),
  );
}

/** A fixed scalar does not stand for a structure that happens to have the same name. */
const isFixed = (name: string, member: NormalizedSchema, { fixed }: Choices): boolean =>
  Object.hasOwn(fixed, name) && (isShallow(member) || (member.isListSchema() && Array.isArray(fixed[name])));

/** Only the scalars of a union when it has some. */
function shallowFirst(members: [string, NormalizedSchema][]): [string, NormalizedSchema][] {
  const shallow = members.filter(([, member]) => isShallow(member));
  return shallow.length > 0 ? shallow : members;
}

const isShallow = (schema: NormalizedSchema): boolean =>
  !schema.isListSchema() && !schema.isMapSchema() && !schema.isStructSchema();

export const isEventStream = (schema: NormalizedSchema): boolean => schema.isStreaming() && schema.isStructSchema();

/** Whether a whole answer or question is a stream of events, which has no value to compare. */
export const hasEventStream = (schema: NormalizedSchema): boolean =>
  schema.isStructSchema() && [...schema.structIterator()].some(([, member]) => isEventStream(member));

/** A value of a schema; every member of a structure is there, lists and maps have one to three items. */
export const value = (schema: NormalizedSchema, choices: Choices): unknown => prune(made(schema, choices, 0)) ?? {};

/** Without what is empty: forms and XML cannot tell an empty structure from one that is absent. */
function prune(something: unknown): unknown {
  if (Array.isArray(something)) {
    const items = something.map(prune).filter((item) => item !== undefined);
    return items.length > 0 ? items : undefined;
  }
  if (typeof something !== "object" || something === null || Object.getPrototypeOf(something) !== Object.prototype)
    return something;
  const members = Object.entries(something).map(([name, one]) => [name, prune(one)] as const);
  const left = members.filter(([, one]) => one !== undefined);
  return left.length > 0 ? Object.fromEntries(left) : undefined;
}

function made(schema: NormalizedSchema, choices: Choices, depth: number): unknown {
  const size = depth > DEPTH_MAX ? 1 : 1 + Math.floor(choices.random() * 2);
  if (schema.isListSchema()) {
    const item = schema.getValueSchema();
    return Array.from({ length: size }, () => made(item, choices, depth));
  }
  if (schema.isMapSchema()) {
    const inHead = schema.getMergedTraits().httpPrefixHeaders !== undefined;
    return Object.fromEntries(
      Array.from({ length: size }, (_, index) => [
        `${inHead ? "key" : pick(choices.random, WORDS)}${index}`,
        inHead ? pick(choices.random, PLAIN) : made(schema.getValueSchema(), choices, depth),
      ]),
    );
  }
  return schema.isStructSchema() ? struct(schema, choices, depth) : scalar(schema, choices);
}
