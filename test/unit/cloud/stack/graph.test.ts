import { describe, expect, test } from "@jest/globals";
import { dependencyGraph, ordered, reversed, walk } from "../../../../local/cloud/stack/engine/graph.ts";
import { parseTemplate } from "../../../../local/cloud/stack/engine/template.ts";

const declared = (resources: object) => parseTemplate(JSON.stringify({ Resources: resources })).resources;
const graphOf = (resources: object) => {
  const all = declared(resources);
  return dependencyGraph(all, (id) => all.has(id));
};
const chain = {
  Function: {
    Type: "T",
    Properties: { Role: { "Fn::GetAtt": ["Role", "Arn"] }, Name: { "Fn::Sub": "x-${Table}" } },
    DependsOn: "Log",
  },
  Role: { Type: "T", Properties: { Resource: { "Fn::If": ["C", { Ref: "Table" }, "*"] } } },
  Table: { Type: "T" },
  Log: { Type: "T" },
};

describe("the order of a stack's resources", () => {
  test("follows Ref, GetAtt, Sub, the branches of If and DependsOn", () => {
    const graph = graphOf(chain);
    expect([...(graph.get("Function") ?? [])].toSorted()).toEqual(["Log", "Role", "Table"]);
    expect([...(graph.get("Role") ?? [])]).toEqual(["Table"]);
    expect(ordered(graph).indexOf("Table")).toBeLessThan(ordered(graph).indexOf("Role"));
  });

  test("is the other way round for a deletion", () => {
    expect([...(reversed(graphOf(chain)).get("Table") ?? [])].toSorted()).toEqual(["Function", "Role"]);
  });

  test("cannot be a circle, and the members of the circle are named", () => {
    const circle = { A: { Type: "T", DependsOn: "B" }, B: { Type: "T", DependsOn: ["A"] }, C: { Type: "T" } };
    expect(() => graphOf(circle)).toThrow("Circular dependency between resources: [A, B]");
  });

  test("cannot depend on what nobody declares", () => {
    expect(() => graphOf({ A: { Type: "T", DependsOn: "Nobody" } })).toThrow("[Nobody]");
  });

  test("lets independent resources go together, up to the limit, and stops after a failure", async () => {
    let running = 0;
    let most = 0;
    const started: string[] = [];
    const graph = graphOf(Object.fromEntries(["A", "B", "C", "D", "E"].map((id) => [id, { Type: "T" }])));
    const failures = await walk(graph, { parallel: 2, afterFailure: "stop" }, async (id) => {
      started.push(id);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      if (id === "B") throw new Error("refused");
    });
    expect(most).toBe(2);
    expect([...failures.keys()]).toEqual(["B"]);
    expect(started).not.toContain("E");
  });
});
