import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Resolver } from "node:dns/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { callLog } from "../../local/cloud/calls.ts";
import { openEndpoint } from "../../local/cloud/endpoint.ts";
import type { Operation, Service } from "../../local/cloud/service.ts";
import { openS3 } from "../../local/cloud/services/s3/index.ts";
import { openDns } from "../../local/farm/dns.ts";
import { testWorld } from "../unit/cloud/client.ts";

const monitoring = (operations: Record<string, Operation>): Service => ({
  id: "monitoring",
  operations,
  resourceOf: () => "*",
});

async function served<T>(
  services: (world: ReturnType<typeof testWorld>) => Service[],
  use: (origin: string) => Promise<T>,
) {
  const world = testWorld();
  const folder = mkdtempSync(join(tmpdir(), "tandem-wire-"));
  const file = join(folder, "log", "calls.jsonl");
  const endpoint = openEndpoint({
    world,
    services: new Map(services(world).map((service) => [service.id, service])),
    principalOf: () => ({ arn: "arn:aws:iam::000000000000:user/operator", account: "000000000000" }),
    record: callLog(file),
  });
  const listener = await endpoint.listen("127.0.0.1", 0);
  try {
    const result = await use(`http://127.0.0.1:${listener.port}`);
    return { result, calls: readFileSync(file, "utf8").trim().split("\n") };
  } finally {
    await listener.close();
    rmSync(folder, { recursive: true });
  }
}

const signedFor = (service: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=TEST/20260101/eu-west-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
});

describe("the endpoint over HTTP", () => {
  test("keeps and returns objects, and writes a line for each call that holds no content", async () => {
    const { result, calls } = await served(
      (world) => [openS3(world).service],
      async (endpoint) => {
        const credentials = { accessKeyId: "TEST", secretAccessKey: "x" };
        const client = new S3Client({ region: "eu-west-1", endpoint, credentials, forcePathStyle: true });
        await client.send(new CreateBucketCommand({ Bucket: "artefacts" }));
        await client.send(new PutObjectCommand({ Bucket: "artefacts", Key: "k", Body: "s3cret" }));
        const head = await client.send(new HeadObjectCommand({ Bucket: "artefacts", Key: "k" }));
        const read = await client.send(new GetObjectCommand({ Bucket: "artefacts", Key: "k" }));
        const text = await read.Body?.transformToString();
        client.destroy();
        return [head.ContentLength, text];
      },
    );
    expect(result).toEqual([6, "s3cret"]);
    expect(calls).toHaveLength(4);
    expect(JSON.parse(calls[1] ?? "")).toEqual({
      at: "2026-01-01T00:00:00.000Z",
      principal: "arn:aws:iam::000000000000:user/operator",
      service: "s3",
      operation: "PutObject",
      resource: "arn:aws:s3:::artefacts/k",
      decision: "unenforced",
      status: 200,
    });
    expect(calls.join("")).not.toContain("s3cret");
  });

  test("reads compressed forms, and answers every failure in the caller's protocol", async () => {
    const seen: unknown[] = [];
    const { result } = await served(
      () => [monitoring({ PutMetricData: (input: object) => void seen.push(input) })],
      async (origin) => {
        const form =
          "Action=PutMetricData&Version=2010-08-01&Namespace=Tandem&MetricData.member.1.MetricName=BusyWorkers&MetricData.member.1.Value=1.5";
        const post = async (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>) => {
          const answer = await fetch(origin, {
            method: "POST",
            body,
            headers: { ...signedFor("monitoring"), ...headers },
          });
          return `${answer.status} ${answer.headers.get("content-type") ?? ""} ${await answer.text()}`;
        };
        const urlencoded = { "content-type": "application/x-www-form-urlencoded" };
        return [
          await post(new Uint8Array(gzipSync(form)), { ...urlencoded, "content-encoding": "gzip" }),
          await post("Action=Nonsense", urlencoded),
          await post("{}", {
            "x-amz-target": "GraniteServiceVersion20100801.Nonsense",
            "content-type": "application/x-amz-json-1.0",
          }),
          await post("{", {
            "x-amz-target": "GraniteServiceVersion20100801.PutMetricData",
            "content-type": "application/x-amz-json-1.0",
          }),
          await post("garbage", { ...urlencoded, "content-encoding": "gzip" }),
          await post("", { authorization: "AWS4-HMAC-SHA256 Credential=TEST/20260101/eu-west-1/quantum/aws4_request" }),
        ];
      },
    );
    expect(seen).toEqual([{ Namespace: "Tandem", MetricData: [{ MetricName: "BusyWorkers", Value: 1.5 }] }]);
    expect(result[0]).toMatch(/^200 text\/xml <PutMetricDataResponse/);
    expect(result[1]).toMatch(/^501 text\/xml <ErrorResponse.*monitoring: Nonsense/);
    expect(result[2]).toMatch(/^501 application\/x-amz-json-1.0 \{"__type":"NotImplemented".*monitoring: Nonsense/);
    expect(result[3]).toMatch(/^400 application\/x-amz-json-1.0 \{"__type":"SerializationException"/);
    expect(result[4]).toMatch(/^400 text\/xml <ErrorResponse.*SerializationException/);
    expect(result[5]).toMatch(/^501 text\/xml .*quantum/);
    for (const answer of result) expect(answer).not.toContain("<html");
  });
});

describe("the name server over sockets", () => {
  test("answers over UDP and TCP on one port, and outlives nonsense", async () => {
    const dns = await openDns(
      (name, type) => (name.startsWith("db-a.") && type === "A" ? [{ name, type, ttl: 5, value: "127.20.10.10" }] : []),
      "127.0.0.1",
      0,
    );
    try {
      const resolver = new Resolver({ timeout: 2_000, tries: 1 });
      resolver.setServers([`127.0.0.1:${dns.port}`]);
      await new Promise((done) => connect(dns.port, "127.0.0.1").end("\0\x01x").once("close", done).resume());
      expect(await resolver.resolve4("db-a.local.tandem.internal")).toEqual(["127.20.10.10"]);
      await expect(resolver.resolve4("example.com")).rejects.toMatchObject({ code: "EREFUSED" });
      await expect(openDns(() => [], "127.0.0.1", dns.port)).rejects.toMatchObject({ code: "EADDRINUSE" });
    } finally {
      await dns.close();
    }
  });
});
