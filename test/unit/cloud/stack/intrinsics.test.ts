import { describe, expect, test } from "@jest/globals";
import { evaluateCondition, resolve, type Scope } from "../../../../local/cloud/stack/engine/intrinsics.ts";
import type { Json } from "../../../../local/cloud/stack/engine/json.ts";

const scope: Scope = {
  mappings: { Sizes: { "eu-west-1": { small: "t4g.small" } } },
  zones: ["eu-west-1a", "eu-west-1b"],
  reference: (name) => ({ Stage: "local", "AWS::Region": "eu-west-1", Subnets: ["subnet-1", "subnet-2"] })[name],
  attribute: (logicalId, name) => `${logicalId}/${name}`,
  condition: (name) => name === "IsLocal",
  importValue: (name) => `imported ${name}`,
};

describe("a template's functions", () => {
  const cases: readonly [string, Json, Json][] = [
    ["Ref of a parameter", { Ref: "Stage" }, "local"],
    ["Fn::GetAtt as a list", { "Fn::GetAtt": ["Table", "Arn"] }, "Table/Arn"],
    ["Fn::GetAtt as text, with a dotted attribute", { "Fn::GetAtt": "Table.Outputs.Arn" }, "Table/Outputs.Arn"],
    [
      "Fn::Sub with references, attributes and a literal",
      { "Fn::Sub": "${Stage}:${Table.Arn}:${!Kept}:${AWS::Region}" },
      "local:Table/Arn:${Kept}:eu-west-1",
    ],
    [
      "Fn::Sub with variables of its own",
      { "Fn::Sub": ["${Name}-${Stage}", { Name: { Ref: "AWS::Region" } }] },
      "eu-west-1-local",
    ],
    ["Fn::Join inside Fn::Join", { "Fn::Join": ["-", ["a", { "Fn::Join": ["+", ["b", "c"]] }]] }, "a-b+c"],
    ["Fn::Join of a referenced list", { "Fn::Join": [",", { Ref: "Subnets" }] }, "subnet-1,subnet-2"],
    ["Fn::Select of Fn::Split", { "Fn::Select": ["1", { "Fn::Split": [":", "a:b:c"] }] }, "b"],
    ["Fn::Select of Fn::GetAZs", { "Fn::Select": [1, { "Fn::GetAZs": "" }] }, "eu-west-1b"],
    ["Fn::If", { "Fn::If": ["IsLocal", "yes", "no"] }, "yes"],
    ["Fn::FindInMap", { "Fn::FindInMap": ["Sizes", { Ref: "AWS::Region" }, "small"] }, "t4g.small"],
    ["Fn::ImportValue", { "Fn::ImportValue": { "Fn::Sub": "${Stage}-vpc" } }, "imported local-vpc"],
    ["Fn::Base64", { "Fn::Base64": { "Fn::Sub": "stage=${Stage}" } }, Buffer.from("stage=local").toString("base64")],
    ["Fn::Cidr", { "Fn::Cidr": ["127.20.0.0/16", 3, 8] }, ["127.20.0.0/24", "127.20.1.0/24", "127.20.2.0/24"]],
    ["AWS::NoValue, which removes its property", { Keep: 1, Drop: { Ref: "AWS::NoValue" } }, { Keep: 1 }],
    ["Fn::If to AWS::NoValue in a list", ["a", { "Fn::If": ["IsAws", "b", { Ref: "AWS::NoValue" }] }], ["a"]],
    [
      "a policy's Condition, which is no function",
      { Condition: { Bool: { a: false } } },
      { Condition: { Bool: { a: false } } },
    ],
  ];
  test.each(cases)("resolve %s", (_name, value, expected) => {
    expect(resolve(value, scope)).toEqual(expected);
  });

  test("that are unknown fail by name", () => {
    expect(() => resolve({ "Fn::Transform": {} }, scope)).toThrow("Fn::Transform is not known");
  });

  test("that refer to nothing fail by name", () => {
    expect(() => resolve({ "Fn::Sub": "${Nobody}" }, scope)).toThrow("Unresolved resource dependencies [Nobody]");
  });

  test("decide conditions with And, Or, Not, Equals and Condition", () => {
    const isLocal: Json = { "Fn::Equals": [{ Ref: "Stage" }, "local"] };
    expect(evaluateCondition({ "Fn::And": [isLocal, { Condition: "IsLocal" }] }, scope)).toBe(true);
    expect(evaluateCondition({ "Fn::Or": [{ "Fn::Not": [isLocal] }, { Condition: "IsAws" }] }, scope)).toBe(false);
  });
});
