import { describe, expect, test } from "@jest/globals";
import { resolveTarget } from "../../../local/cli/target.ts";

describe("where a command goes", () => {
  test("AWS_ENDPOINT_URL comes before everything else", () => {
    const target = resolveTarget({ stage: "prod", region: "us-east-1" }, { AWS_ENDPOINT_URL: "http://127.0.0.1:4566" });
    expect(target).toMatchObject({ world: "endpoint", stage: "prod", endpoint: "http://127.0.0.1:4566" });
  });

  test("a stage and a region name a farm on AWS", () => {
    const target = resolveTarget({ stage: "prod", region: "eu-central-1" }, {});
    expect(target).toEqual({ world: "aws", stage: "prod", region: "eu-central-1" });
  });

  test("AWS is never assumed: a profile without a stage is refused", () => {
    expect(() => resolveTarget({ profile: "work" }, {})).toThrow(/--stage/);
  });

  test("a stage without a region is refused with what is missing", () => {
    expect(() => resolveTarget({ stage: "prod" }, {})).toThrow(/--region/);
  });
});
