import { createServer, get, type IncomingHttpHeaders, type IncomingMessage, type Server } from "node:http";
import { once } from "node:events";
import {
  CloudFrontClient,
  CreateCachePolicyCommand,
  CreateDistributionCommand,
  CreateInvalidationCommand,
  GetInvalidationCommand,
} from "@aws-sdk/client-cloudfront";
import { afterEach, describe, expect, test } from "@jest/globals";
import { openCloudFront } from "../../local/cloud/services/cloudfront/index.ts";
import { DEPLOY_MS, INVALIDATION_MS } from "../../local/cloud/services/cloudfront/model.ts";
import { httpCdn } from "../../local/farm/cdn/index.ts";
import { cachePolicy, CACHING_DISABLED, distributionConfig } from "../unit/cloud/cloudfront/distribution.ts";
import { sdkClient, testEndpoint, testWorld } from "../unit/cloud/client.ts";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Asks on a connection of its own; `headers` may name the host. */
async function ask(url: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  const request = get(url, { agent: false, headers, method });
  const answered = once(request, "response");
  const [response]: IncomingMessage[] = await answered;
  if (response === undefined) throw new Error("no response");
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

type Reply = { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: string };

async function origin(reply: (request: IncomingMessage) => Reply) {
  const asked: IncomingMessage[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request);
    const { status = 200, headers = {}, body = `${request.url} ${asked.length}` } = reply(request);
    response.writeHead(status, headers);
    response.end(status === 304 ? undefined : body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  closers.push(close);
  return { host: "127.0.0.1", port, asked, close };
}

async function edge(
  from: { host: string; port: number },
  policy?: string | ReturnType<typeof cachePolicy>,
  change = {},
) {
  const world = testWorld();
  await world.clock.advance(1_000_000);
  const cloudfront = openCloudFront(world, {
    network: httpCdn({ network: "127.29.0", port: 0, clock: world.clock, note: world.note }),
  });
  closers.push(async () => cloudfront.service.close?.());
  const client = sdkClient(CloudFrontClient, testEndpoint(world, cloudfront.service).handle);
  const policyId =
    typeof policy === "object"
      ? (await client.send(new CreateCachePolicyCommand({ CachePolicyConfig: policy }))).CachePolicy?.Id
      : policy;
  const created = await client.send(
    new CreateDistributionCommand({ DistributionConfig: distributionConfig("one", from, change, policyId) }),
  );
  await world.clock.advance(DEPLOY_MS);
  const DistributionId = created.Distribution?.Id ?? "";
  const url = cloudfront.urlOf(DistributionId) ?? "";
  const invalidate = (reference: string, ...Items: string[]) =>
    client.send(
      new CreateInvalidationCommand({
        DistributionId,
        InvalidationBatch: { CallerReference: reference, Paths: { Quantity: Items.length, Items } },
      }),
    );
  return { world, client, url, DistributionId, invalidate };
}

describe("the edge", () => {
  test("fetches a file once and answers it from the cache with its age", async () => {
    const farm = await origin(() => ({ headers: { "cache-control": "max-age=60", "x-tandem-node": "i-1" } }));
    const { url, world } = await edge(farm);

    const first = await ask(`${url}/a.css`);
    await world.clock.advance(7_000);
    const second = await ask(`${url}/a.css`);

    expect([first.headers["x-cache"], second.headers["x-cache"]]).toEqual([
      "Miss from cloudfront",
      "Hit from cloudfront",
    ]);
    expect(second.headers["age"]).toBe("7");
    expect(second.body).toBe(first.body);
    expect(second.headers["x-tandem-node"]).toBe("i-1");
    expect(farm.asked).toHaveLength(1);
  });

  test("asks again when a file has expired, and keeps what the origin says is unchanged", async () => {
    const farm = await origin(({ headers }) =>
      headers["if-none-match"] === '"v1"'
        ? { status: 304, headers: { etag: '"v1"', "cache-control": "max-age=30" } }
        : { headers: { etag: '"v1"', "cache-control": "max-age=30" } },
    );
    const { url, world } = await edge(farm);
    await ask(`${url}/a.css`);

    await world.clock.advance(30_000);
    const revalidated = await ask(`${url}/a.css`);
    const after = await ask(`${url}/a.css`);

    expect(revalidated.headers["x-cache"]).toBe("RefreshHit from cloudfront");
    expect(revalidated).toMatchObject({ status: 200, body: "/a.css 1" });
    expect(after.headers["x-cache"]).toBe("Hit from cloudfront");
    expect(farm.asked).toHaveLength(2);
  });

  test("keeps within the limits of the policy whatever the origin says", async () => {
    const farm = await origin(({ url }) => ({
      headers: { "cache-control": url === "/long" ? "max-age=999999" : url === "/never" ? "no-store" : "" },
    }));
    const { url, world } = await edge(farm, cachePolicy("short", { MaxTTL: 100 }));
    for (const path of ["/long", "/never", "/silent"]) await ask(url + path);

    const now = await Promise.all(["/long", "/never", "/silent"].map((path) => ask(url + path)));
    await world.clock.advance(60_000);
    const silent = await ask(`${url}/silent`);
    await world.clock.advance(40_000);
    const long = await ask(`${url}/long`);

    expect(now.map(({ headers }) => headers["x-cache"]?.slice(0, 4))).toEqual(["Hit ", "Miss", "Hit "]);
    expect(silent.headers["x-cache"]).toBe("Miss from cloudfront");
    expect(long.headers["x-cache"]).toBe("Miss from cloudfront");
  });

  test("forgets what is invalidated, when the invalidation completes, and nothing else", async () => {
    const farm = await origin(() => ({ headers: { "cache-control": "max-age=600" } }));
    const { url, world, client, invalidate, DistributionId } = await edge(farm, cachePolicy("ver"));
    const paths = ["/uploads/a.png", "/uploads/b.png", "/style.css?ver=1", "/style.css?ver=2", "/other.js"];
    for (const path of paths) await ask(url + path);

    const { Invalidation } = await invalidate("1", "/uploads/*", "/style.css?ver=1");
    const during = await ask(`${url}/uploads/a.png`);
    await world.clock.advance(INVALIDATION_MS);
    const after = await Promise.all(paths.map((path) => ask(url + path)));

    expect(Invalidation?.Status).toBe("InProgress");
    expect(during.headers["x-cache"]).toBe("Hit from cloudfront");
    const { Invalidation: done } = await client.send(
      new GetInvalidationCommand({ DistributionId, Id: Invalidation?.Id }),
    );
    expect(done?.Status).toBe("Completed");
    expect(after.map(({ headers }) => String(headers["x-cache"]).split(" ")[0])).toEqual([
      "Miss",
      "Miss",
      "Miss",
      "Hit",
      "Hit",
    ]);
  });

  test("does not keep an answer that was fetched before an invalidation of it completed", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const server = createServer((_request, response) => {
      void held.then(() => response.writeHead(200, { "cache-control": "max-age=600" }).end("old"));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closers.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { url, world, invalidate } = await edge({ host: "127.0.0.1", port });

    const arrived = once(server, "request");
    const asked = ask(`${url}/a.css`);
    await arrived;
    await invalidate("1", "/a.css");
    await world.clock.advance(INVALIDATION_MS);
    release();
    await asked;

    expect((await ask(`${url}/a.css`)).headers["x-cache"]).toBe("Miss from cloudfront");
  });

  test("tells variants apart by the query strings of the policy and drops the others", async () => {
    const farm = await origin(() => ({ headers: { "cache-control": "max-age=600", "set-cookie": "a=b" } }));
    const { url } = await edge(farm, cachePolicy("ver"));

    await ask(`${url}/a.css?ver=1&utm=x`, { cookie: "session=1", "accept-encoding": "deflate, gzip" });
    const same = await ask(`${url}/a.css?utm=y&ver=1`, { "accept-encoding": "gzip" });
    const other = await ask(`${url}/a.css?ver=2`, { "accept-encoding": "gzip" });
    const plain = await ask(`${url}/a.css?ver=1`);

    expect([same, other, plain].map(({ headers }) => String(headers["x-cache"]).split(" ")[0])).toEqual([
      "Hit",
      "Miss",
      "Miss",
    ]);
    expect(farm.asked[0]?.url).toBe("/a.css?ver=1");
    expect(farm.asked[0]?.headers).toMatchObject({ "accept-encoding": "gzip", "user-agent": "Amazon CloudFront" });
    expect(farm.asked[0]?.headers.cookie).toBeUndefined();
    expect(same.headers["set-cookie"]).toBeUndefined();
  });

  test("asks the origin once when many ask for the same file together", async () => {
    const farm = await origin(() => ({ headers: { "cache-control": "max-age=600" }, body: "x".repeat(100_000) }));
    const { url } = await edge(farm);

    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(`${url}/big.js`)));

    expect(farm.asked).toHaveLength(1);
    expect(new Set(answers.map(({ body }) => body.length))).toEqual(new Set([100_000]));
  });

  test("answers 502 while the origin is down, and expired files from the cache", async () => {
    const farm = await origin(() => ({ headers: { "cache-control": "max-age=5" } }));
    const { url, world } = await edge(farm);
    await ask(`${url}/kept.css`);
    await farm.close();
    await world.clock.advance(6_000);

    const missing = await ask(`${url}/missing.css`);
    const kept = await ask(`${url}/kept.css`);

    expect(missing.status).toBe(502);
    expect(missing.headers["x-cache"]).toBe("Error from cloudfront");
    expect(kept).toMatchObject({ status: 200, body: "/kept.css 1" });
  });

  test("keeps an error of the origin for ten seconds and no longer", async () => {
    let status = 503;
    const farm = await origin(() => ({ status }));
    const { url, world } = await edge(farm);

    const first = await ask(`${url}/a`);
    status = 200;
    const second = await ask(`${url}/a`);
    await world.clock.advance(10_000);
    const third = await ask(`${url}/a`);

    expect([first.status, second.status, third.status]).toEqual([503, 503, 200]);
    expect(second.headers["x-cache"]).toBe("Error from cloudfront");
  });

  test("passes pages through that nothing may cache, with their methods as the distribution allows them", async () => {
    const farm = await origin(() => ({ headers: { "cache-control": "max-age=600" } }));
    const { url } = await edge(farm, CACHING_DISABLED);

    const [first, second, post] = [await ask(`${url}/`), await ask(`${url}/`), await ask(`${url}/`, {}, "POST")];

    expect([first, second].map(({ headers }) => headers["x-cache"])).toEqual(Array(2).fill("Miss from cloudfront"));
    expect(post.status).toBe(403);
    expect(farm.asked).toHaveLength(2);
  });

  test("answers ranges and conditions of the viewer from the cache", async () => {
    const farm = await origin(() => ({
      headers: { "cache-control": "max-age=600", etag: '"v1"' },
      body: "0123456789",
    }));
    const { url } = await edge(farm);
    await ask(`${url}/video.mp4`);

    const part = await ask(`${url}/video.mp4`, { range: "bytes=2-4" });
    const unchanged = await ask(`${url}/video.mp4`, { "if-none-match": 'W/"v1"' });
    const beyond = await ask(`${url}/video.mp4`, { range: "bytes=99-" });

    expect(part).toMatchObject({ status: 206, body: "234" });
    expect(part.headers["content-range"]).toBe("bytes 2-4/10");
    expect(unchanged).toMatchObject({ status: 304, body: "" });
    expect(beyond.status).toBe(416);
    expect(farm.asked).toHaveLength(1);
  });

  test("refuses a host name that is not the distribution's", async () => {
    const { url } = await edge(await origin(() => ({})));
    expect((await ask(`${url}/`, { host: "elsewhere.example" })).status).toBe(403);
  });

  test("sends visitors to HTTPS where the behaviour says so, by path", async () => {
    const farm = await origin(() => ({}));
    const { url } = await edge(farm, undefined, {
      CacheBehaviors: {
        Quantity: 1,
        Items: [
          {
            PathPattern: "/secure/*",
            TargetOriginId: "farm",
            ViewerProtocolPolicy: "redirect-to-https",
            CachePolicyId: CACHING_DISABLED,
          },
        ],
      },
    });
    const redirected = await ask(`${url}/secure/a?b=c`);
    expect(redirected.status).toBe(301);
    expect(redirected.headers.location).toBe("https://127.29.0.10/secure/a?b=c");
    expect((await ask(`${url}/open`)).status).toBe(200);
  });
});
