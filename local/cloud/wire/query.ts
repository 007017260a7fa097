import type { NormalizedSchema } from "@smithy/core/schema";
import type { Members } from "./message.ts";
import { fromText } from "./scalar.ts";

/** A form's dotted names as a tree, e.g. `Tags.member.1.Key=a` -> Tags: member: 1: Key: "a". */
interface Branch {
  value?: string;
  readonly children: Map<string, Branch>;
}

/** Deeper or longer lists than any AWS operation takes; a forged name cannot make the server walk forever. */
const DEPTH_MAX = 32;

function treeOf(form: URLSearchParams): Branch {
  const root: Branch = { children: new Map() };
  for (const [name, value] of form) {
    let branch = root;
    for (const part of name.split(".").slice(0, DEPTH_MAX)) {
      const next = branch.children.get(part) ?? { children: new Map() };
      branch.children.set(part, next);
      branch = next;
    }
    branch.value = value;
  }
  return root;
}

/** Children named 1, 2, 3..., in that order. */
const numbered = (branch: Branch | undefined): Branch[] =>
  [...(branch?.children ?? [])]
    .filter(([name]) => /^\d+$/.test(name))
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([, child]) => child);

const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

function memberKey(name: string, schema: NormalizedSchema, ec2: boolean): string {
  const { xmlName, ec2QueryName } = schema.getMergedTraits();
  if (!ec2) return xmlName ?? name;
  return typeof ec2QueryName === "string" ? ec2QueryName : capital(xmlName ?? name);
}

/** Names inside lists and maps are not capitalised, not even by ec2Query. */
const innerKey = (name: string, schema: NormalizedSchema): string => schema.getMergedTraits().xmlName ?? name;

function listOf(schema: NormalizedSchema, branch: Branch, ec2: boolean): unknown[] {
  const item = schema.getValueSchema();
  const flat = ec2 || schema.getMergedTraits().xmlFlattened !== undefined;
  const items = flat ? branch : branch.children.get(innerKey("member", item));
  return numbered(items).map((child) => valueOf(item, child, ec2));
}

function mapOf(schema: NormalizedSchema, branch: Branch, ec2: boolean): Members {
  const keys = schema.getKeySchema();
  const values = schema.getValueSchema();
  const flat = schema.getMergedTraits().xmlFlattened !== undefined;
  const entries = numbered(flat ? branch : branch.children.get("entry"));
  return Object.fromEntries(
    entries.map((entry) => [
      entry.children.get(innerKey("key", keys))?.value ?? "",
      valueOf(values, entry.children.get(innerKey("value", values)) ?? { children: new Map() }, ec2),
    ]),
  );
}

function structOf(schema: NormalizedSchema, branch: Branch, ec2: boolean): Members {
  const members: Members = {};
  for (const [name, member] of schema.structIterator()) {
    const child = branch.children.get(memberKey(name, member, ec2));
    if (child !== undefined) members[name] = valueOf(member, child, ec2);
  }
  return members;
}

function valueOf(schema: NormalizedSchema, branch: Branch, ec2: boolean): unknown {
  if (schema.isListSchema()) return listOf(schema, branch, ec2);
  if (schema.isMapSchema()) return mapOf(schema, branch, ec2);
  if (schema.isStructSchema()) return structOf(schema, branch, ec2);
  return fromText(schema, branch.value ?? "");
}

/**
 * Reads the form body of the awsQuery and ec2Query protocols, the one direction that the SDK has no code for.
 * https://smithy.io/2.0/aws/protocols/aws-query-protocol.html, https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html
 */
export const readForm = (schema: NormalizedSchema, form: URLSearchParams, ec2: boolean): Members =>
  schema.isStructSchema() ? structOf(schema, treeOf(form), ec2) : {};
