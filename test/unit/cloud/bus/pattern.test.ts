import { describe, expect, test } from "@jest/globals";
import { compilePattern } from "../../../../local/cloud/bus/pattern.ts";

const EVENT = {
  source: "aws.autoscaling",
  "detail-type": "EC2 Instance-launch Lifecycle Action",
  resources: ["arn:a", "arn:b"],
  detail: {
    group: "tandem-local-web",
    count: 3,
    ok: true,
    none: null,
    tags: [
      { key: "x", value: "1" },
      { key: "y", value: "2" },
    ],
    empty: "",
  },
};

describe("an event pattern", () => {
  test.each<[string, unknown, boolean]>([
    ["an exact value", { source: ["aws.autoscaling"] }, true],
    ["one of several", { source: ["aws.ec2", "aws.autoscaling"] }, true],
    ["another value", { source: ["aws.ec2"] }, false],
    ["all fields or nothing", { source: ["aws.autoscaling"], detail: { group: ["other"] } }, false],
    ["an element of an array", { resources: ["arn:b"] }, true],
    ["a nested field", { detail: { group: ["tandem-local-web"] } }, true],
    ["a field in an array of objects", { detail: { tags: { key: ["y"], value: ["2"] } } }, true],
    ["fields of different objects of an array", { detail: { tags: { key: ["x"], value: ["2"] } } }, false],
    ["prefix", { detail: { group: [{ prefix: "tandem-" }] } }, true],
    ["prefix ignoring case", { detail: { group: [{ prefix: { "equals-ignore-case": "TANDEM" } }] } }, true],
    ["suffix", { detail: { group: [{ suffix: "-web" }] } }, true],
    ["equals-ignore-case", { detail: { group: [{ "equals-ignore-case": "TANDEM-local-WEB" }] } }, true],
    ["wildcard", { detail: { group: [{ wildcard: "tandem-*-web" }] } }, true],
    ["wildcard that does not fit", { detail: { group: [{ wildcard: "tandem-*-db" }] } }, false],
    ["anything-but", { detail: { group: [{ "anything-but": ["a", "b"] }] } }, true],
    ["anything-but of the value", { detail: { group: [{ "anything-but": "tandem-local-web" }] } }, false],
    ["anything-but a prefix", { detail: { group: [{ "anything-but": { prefix: "tandem" } }] } }, false],
    ["anything-but of an absent field", { detail: { absent: [{ "anything-but": "a" }] } }, false],
    ["numeric range", { detail: { count: [{ numeric: [">", 0, "<=", 3] }] } }, true],
    ["numeric outside", { detail: { count: [{ numeric: ["<", 3] }] } }, false],
    ["numeric of a text", { detail: { group: [{ numeric: ["=", 0] }] } }, false],
    ["boolean and null", { detail: { ok: [true], none: [null] } }, true],
    ["an empty string", { detail: { empty: [""] } }, true],
    ["exists", { detail: { count: [{ exists: true }] } }, true],
    ["exists of an absent field", { detail: { absent: [{ exists: true }] } }, false],
    ["exists false", { detail: { absent: [{ exists: false }] } }, true],
    ["exists false below an absent parent", { detail: { absent: { deeper: [{ exists: false }] } } }, true],
    ["$or", { $or: [{ source: ["aws.ec2"] }, { detail: { count: [3] } }] }, true],
    ["$or of which none fits", { $or: [{ source: ["aws.ec2"] }, { detail: { count: [4] } }] }, false],
  ])("%s", (_name, pattern, matches) => {
    expect(compilePattern(JSON.stringify(pattern))(EVENT)).toBe(matches);
  });

  test.each<[string, unknown]>([
    ["not an object", ["a"]],
    ["an empty object", {}],
    ["a plain value", { source: "aws.ec2" }],
    ["an empty array", { source: [] }],
    ["an operator that is not known", { source: [{ cidr: "10.0.0.0/8" }] }],
    ["a numeric without a number", { source: [{ numeric: [">", "1"] }] }],
    ["two operators in one", { source: [{ prefix: "a", suffix: "b" }] }],
  ])("that is %s is refused", (_name, pattern) => {
    expect(() => compilePattern(JSON.stringify(pattern))).toThrow("Event pattern is not valid. Reason: ");
  });
});
