import { describe, expect, test } from "@jest/globals";
import { z } from "zod/mini";
import { inMachine, machineRoot, nodeFiles } from "./bash.ts";

const Payload = z.object({
  Namespace: z.string(),
  MetricData: z.array(
    z.object({
      MetricName: z.string(),
      Value: z.number(),
      Unit: z.string(),
      StorageResolution: z.number(),
      Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })),
    }),
  ),
});

interface Counters {
  readonly accepted: number;
  readonly busy: number;
  readonly queued: number;
}

/** What a node with two workers sends after an interval of ten equal samples between two readings of php-fpm's counters. */
function sent(before: Counters, now: Counters): z.infer<typeof Payload> {
  const ended = inMachine(
    `source "${nodeFiles}/publish.sh"
     before_accepted=${before.accepted} before_busy=${before.busy} before_queued=${before.queued}
     accepted=${now.accepted} busy=${now.busy} queued=${now.queued}
     busy_sum=$((10 * busy)) queued_sum=$((10 * queued)) seen=10
     payload`,
    machineRoot(),
    { TANDEM_PHP_WORKERS: "2" },
  );
  expect(ended.stderr).toBe("");
  return Payload.parse(JSON.parse(ended.stdout));
}

const values = (payload: z.infer<typeof Payload>): Record<string, number> =>
  Object.fromEntries(payload.MetricData.map(({ MetricName, Value }) => [MetricName, Value]));

describe("what a web node tells CloudWatch", () => {
  test("counts requests when they arrive and when they are answered, also across intervals", () => {
    const payload = sent({ accepted: 100, busy: 1, queued: 0 }, { accepted: 150, busy: 2, queued: 4 });

    expect(values(payload)).toEqual({
      ArrivedRequests: 54,
      CompletedRequests: 49,
      BusyWorkers: 2,
      Workers: 2,
      QueuedRequests: 4,
      Saturation: 300,
    });
  });

  test("is all zero on an idle node, with the number of its workers", () => {
    const payload = sent({ accepted: 7, busy: 0, queued: 0 }, { accepted: 7, busy: 0, queued: 0 });

    expect(values(payload)).toEqual({
      ArrivedRequests: 0,
      CompletedRequests: 0,
      BusyWorkers: 0,
      Workers: 2,
      QueuedRequests: 0,
      Saturation: 0,
    });
  });

  test("never counts below zero when waiting visitors give up", () => {
    expect(
      values(sent({ accepted: 5, busy: 2, queued: 9 }, { accepted: 6, busy: 2, queued: 0 }))["ArrivedRequests"],
    ).toBe(0);
  });

  test("goes to the group's high-resolution metrics", () => {
    const payload = sent({ accepted: 1, busy: 0, queued: 0 }, { accepted: 2, busy: 0, queued: 0 });

    expect(payload.Namespace).toBe("Tandem");
    for (const metric of payload.MetricData) {
      expect(metric.StorageResolution).toBe(1);
      expect(metric.Dimensions).toEqual([{ Name: "AutoScalingGroupName", Value: "tandem-local-web" }]);
    }
  });
});

describe("the metrics of an interval", () => {
  /** How often they are sent when curl ends with these codes, one after the other, and how the sending ends. */
  const sendsAt = (...codes: readonly number[]) =>
    inMachine(
      `source "${nodeFiles}/publish.sh"
       codes=(${codes.join(" ")}) sends=0
       sleep() { :; }
       aws_call() { sends=$((sends + 1)); return "\${codes[sends - 1]}"; }
       status=0; send_metrics '{}' || status=$?
       echo "$sends sends, $status"`,
      machineRoot(),
    ).stdout.trim();

  test.each([
    ["once when CloudWatch takes them", [0], "1 sends, 0"],
    ["again when it refuses them", [22, 22, 0], "3 sends, 0"],
    ["three times at most", [22, 22, 22], "3 sends, 22"],
    ["once when no answer comes: they may have been counted", [28], "1 sends, 28"],
  ])("are sent %s", (_how, codes, ends) => {
    expect(sendsAt(...codes)).toBe(ends);
  });

  /** Whether a node reports when the metadata service says this, one after the other; empty: it has no such value. */
  const reportsToward = (...targets: readonly string[]) =>
    inMachine(
      `source "${nodeFiles}/publish.sh"
       targets=(${targets.map((target) => `"${target}"`).join(" ")})
       imds() { [[ -n $said ]] && printf "%s" "$said"; }
       for said in "\${targets[@]}"; do
         if is_aside; then echo no; else echo yes; fi
       done`,
      machineRoot(),
    )
      .stdout.trim()
      .split("\n");

  test("are not those of a node that is aside: on its way into the warm pool, or kept by an operator", () => {
    const [no, yes] = ["no", "yes"];
    expect(reportsToward("Warmed:Stopped", "", "InService", "Standby", "InService")).toEqual([no, yes, yes, no, yes]);
  });
});
