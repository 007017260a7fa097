import { ElastiCacheClient } from "@aws-sdk/client-elasticache";
import { describe, expect, test } from "@jest/globals";
import { parseStatistics, type ReadCache } from "../../../lib/cache/memcached.ts";
import { observeCache } from "../../../lib/cache/observe.ts";
import { answering, sdkError, type Answers } from "../answering.ts";
import { manualClock } from "../manual-clock.ts";
import { localSpec } from "../trigger/local-spec.ts";

const ANSWER = [
  "STAT pid 4711",
  "STAT uptime 12",
  "STAT version 1.6.18",
  "STAT get_hits 90",
  "STAT get_misses 10",
  "STAT curr_items 42",
  "END",
  "",
].join("\r\n");

const silent: ReadCache = (_clock, { host, port }) => Promise.resolve({ unknown: `${host}:${port}: no answer` });

const observe = (answers: Answers, readCache: ReadCache = silent) =>
  observeCache({
    spec: localSpec,
    clock: manualClock(),
    readCache,
    elastiCache: answering(new ElastiCacheClient({ region: "eu-west-1" }), [], answers),
  });

describe("the statistics of a Memcached server", () => {
  test("say how many items it holds and how often it had what was asked for", () => {
    expect(parseStatistics(ANSWER)).toEqual({ known: { pid: 4711, items: 42, hits: 90, misses: 10 } });
  });

  test.each(["", "ERROR\r\n", "HTTP/1.1 400 Bad Request\r\n", ANSWER.replace("42", "many")])(
    "are unknown when the answer is %j",
    (text) => {
      expect(parseStatistics(text)).toMatchObject({
        unknown: expect.stringContaining("not the statistics of a Memcached server"),
      });
    },
  );
});

describe("the nodes of the cache", () => {
  const node = (CacheNodeId: string, Address?: string) => ({
    CacheNodeId,
    CacheNodeStatus: "available",
    ...(Address === undefined ? {} : { Endpoint: { Address, Port: 11_211 } }),
  });

  test("are those that ElastiCache describes; one that does not answer hides no other", async () => {
    const seen = await observe(
      {
        DescribeCacheClusters: (input) => {
          expect(input).toEqual({ CacheClusterId: "tandem-local", ShowCacheNodeInfo: true });
          return {
            CacheClusters: [{ CacheNodes: [node("0001", "10.0.0.1"), node("0002", "10.0.0.2"), node("0003")] }],
          };
        },
      },
      async (clock, at) =>
        at.host === "10.0.0.1" ? { known: { pid: 1, items: 2, hits: 0, misses: 0 } } : silent(clock, at),
    );

    expect(seen).toEqual([
      {
        id: "0001",
        state: "available",
        address: "10.0.0.1",
        port: 11_211,
        server: { known: { pid: 1, items: 2, hits: 0, misses: 0 } },
      },
      {
        id: "0002",
        state: "available",
        address: "10.0.0.2",
        port: 11_211,
        server: { unknown: "10.0.0.2:11211: no answer" },
      },
    ]);
  });

  test.each([
    ["CacheClusterNotFoundFault", "CacheCluster not found", "cache cluster tandem-local does not exist"],
    ["Throttling", "Rate exceeded", "could not describe cache cluster tandem-local: Throttling: Rate exceeded"],
  ])("cannot be told after %s", async (name, words, message) => {
    const failing = {
      DescribeCacheClusters: () => {
        throw sdkError(name, words);
      },
    };

    await expect(observe(failing)).rejects.toThrow(message);
  });
});
