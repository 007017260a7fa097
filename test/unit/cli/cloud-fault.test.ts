import { describe, expect, test } from "@jest/globals";
import { apiFault, eventFault } from "../../../local/cli/cloud-fault.ts";

describe("a fault of the cloud on the command line", () => {
  test("strikes a fifth of the calls unless told otherwise", () => {
    expect(apiFault("throttle", { for: "90s" })).toEqual({ kind: "api", what: "throttle", rate: 0.2, forSeconds: 90 });
  });

  test("strikes every event unless told otherwise", () => {
    expect(eventFault("delay", { for: "1m", late: "30s" })).toEqual({
      kind: "events",
      what: "delay",
      rate: 1,
      forSeconds: 60,
      lateSeconds: 30,
    });
  });

  test("names a service, an operation, a seed", () => {
    const given = { for: "1m", rate: "1", seed: "7", service: "ec2", operation: "DescribeInstances", after: "2s" };
    expect(apiFault("timeout", given)).toMatchObject({
      ...{ service: "ec2", operation: "DescribeInstances", afterSeconds: 2, rate: 1, seed: 7 },
    });
  });

  test.each([
    [{ for: "soon" }, /duration "soon"/],
    [{ for: "1m", rate: "0" }, /--rate is "0": give a number above 0 up to 1/],
    [{ for: "1m", rate: "" }, /--rate is ""/],
    [{ for: "1m", seed: "-1" }, /--seed is "-1"/],
    [{ for: "1m", operation: "DescribeInstances" }, /needs --service/],
    [{ for: "1m", after: "2s" }, /--after is for timeout and stale/],
  ])("%j is refused with what is allowed", (options, says) => {
    expect(() => apiFault("throttle", options)).toThrow(says);
  });
});
