import { Readable } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketEncryptionCommand,
  GetBucketLocationCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { openS3 } from "../../../../local/cloud/services/s3/index.ts";
import { sdkClient, testEndpoint, testWorld } from "../client.ts";

const Bucket = "artefacts";

async function s3WithBucket() {
  const s3 = openS3(testWorld());
  const endpoint = testEndpoint(testWorld(), s3.service);
  const client = sdkClient(S3Client, endpoint.handle);
  await client.send(new CreateBucketCommand({ Bucket }));
  return { s3, endpoint, client };
}

describe("buckets", () => {
  test("a bucket is there from its creation to its deletion, which waits until it is empty", async () => {
    const { client } = await s3WithBucket();
    await client.send(new PutObjectCommand({ Bucket, Key: "a", Body: "1" }));
    await expect(client.send(new HeadBucketCommand({ Bucket }))).resolves.toMatchObject({ BucketRegion: "eu-west-1" });
    expect((await client.send(new ListBucketsCommand({}))).Buckets).toEqual([
      { Name: Bucket, CreationDate: new Date("2026-01-01T00:00:00Z"), BucketRegion: "eu-west-1" },
    ]);
    await expect(client.send(new CreateBucketCommand({ Bucket }))).rejects.toMatchObject({
      name: "BucketAlreadyOwnedByYou",
    });
    await expect(client.send(new DeleteBucketCommand({ Bucket }))).rejects.toMatchObject({ name: "BucketNotEmpty" });
    await client.send(new DeleteObjectCommand({ Bucket, Key: "a" }));
    await client.send(new DeleteBucketCommand({ Bucket }));
    await expect(client.send(new HeadBucketCommand({ Bucket }))).rejects.toMatchObject({ name: "NotFound" });
    await expect(client.send(new ListObjectsV2Command({ Bucket }))).rejects.toMatchObject({ name: "NoSuchBucket" });
  });

  test("settings are kept and shown, and their absence has its own error", async () => {
    const { client } = await s3WithBucket();
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [] });
    await expect(client.send(new GetBucketTaggingCommand({ Bucket }))).rejects.toMatchObject({ name: "NoSuchTagSet" });
    await client.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet: [{ Key: "k", Value: "v" }] } }));
    await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    expect((await client.send(new GetBucketTaggingCommand({ Bucket }))).TagSet).toEqual([{ Key: "k", Value: "v" }]);
    expect((await client.send(new GetBucketPolicyCommand({ Bucket }))).Policy).toBe(Policy);
    expect((await client.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint).toBe("eu-west-1");
    const encryption = await client.send(new GetBucketEncryptionCommand({ Bucket }));
    expect(encryption.ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault).toEqual({
      SSEAlgorithm: "AES256",
    });
    await expect(client.send(new PutBucketPolicyCommand({ Bucket, Policy: "no" }))).rejects.toMatchObject({
      name: "MalformedPolicy",
    });
  });
});

describe("objects", () => {
  test("what was put is read back with its metadata, whole and in part", async () => {
    const { client, s3, endpoint } = await s3WithBucket();
    const Key = "serverless/farm/local/a b+ü.zip";
    await client.send(
      new PutObjectCommand({
        Bucket,
        Key,
        Body: "hello world",
        ContentType: "application/zip",
        Metadata: { filesha256: "abc=" },
      }),
    );
    const read = await client.send(new GetObjectCommand({ Bucket, Key }));
    expect(await read.Body?.transformToString()).toBe("hello world");
    expect(read).toMatchObject({
      ContentType: "application/zip",
      Metadata: { filesha256: "abc=" },
      ETag: '"5eb63bbbe01eeed093cb22bb8f5acdc3"',
    });
    const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
    expect(head).toMatchObject({
      ContentLength: 11,
      Metadata: { filesha256: "abc=" },
      LastModified: new Date("2026-01-01T00:00:00Z"),
    });
    const part = await client.send(new GetObjectCommand({ Bucket, Key, Range: "bytes=6-" }));
    expect(await part.Body?.transformToString()).toBe("world");
    expect(part.ContentRange).toBe("bytes 6-10/11");
    expect((await s3.readObject(Bucket, Key)).toString()).toBe("hello world");
    expect(endpoint.calls.at(1)?.resource).toBe(`arn:aws:s3:::${Bucket}/${Key}`);
  });

  test("a stream is uploaded in chunks with its checksum after it", async () => {
    const { client, s3 } = await s3WithBucket();
    const Body = Readable.from([Buffer.alloc(70_000, "x"), Buffer.from("end")]);
    await client.send(new PutObjectCommand({ Bucket, Key: "stream", Body, ContentLength: 70_003 }));
    expect((await s3.readObject(Bucket, "stream")).subarray(69_998).toString()).toBe("xxend");
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: "stream", ChecksumMode: "ENABLED" }));
    expect(head.ChecksumCRC32).toBeDefined();
    expect(head.ContentEncoding).toBeUndefined();
  });

  test("what is missing is told as the SDK expects it", async () => {
    const { client } = await s3WithBucket();
    await expect(client.send(new GetObjectCommand({ Bucket, Key: "no" }))).rejects.toMatchObject({ name: "NoSuchKey" });
    await expect(client.send(new HeadObjectCommand({ Bucket, Key: "no" }))).rejects.toMatchObject({ name: "NotFound" });
  });

  test("a conditional write does not replace what is there", async () => {
    const { client, s3 } = await s3WithBucket();
    await client.send(new PutObjectCommand({ Bucket, Key: "a", Body: "1", IfNoneMatch: "*" }));
    const second = client.send(new PutObjectCommand({ Bucket, Key: "a", Body: "2", IfNoneMatch: "*" }));
    await expect(second).rejects.toMatchObject({ name: "PreconditionFailed", $metadata: { httpStatusCode: 412 } });
    expect((await s3.readObject(Bucket, "a")).toString()).toBe("1");
  });

  test("a content that is not what was summed up is refused", async () => {
    const { client } = await s3WithBucket();
    const put = client.send(new PutObjectCommand({ Bucket, Key: "a", Body: "1", ChecksumSHA256: "AAAA" }));
    await expect(put).rejects.toMatchObject({ name: "BadDigest" });
  });

  test("listing pages through keys and groups them at a delimiter", async () => {
    const { client } = await s3WithBucket();
    for (const Key of ["a/1", "a/2", "b", "c/1", "d"])
      await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    const first = await client.send(new ListObjectsV2Command({ Bucket, Delimiter: "/", MaxKeys: 2 }));
    const second = await client.send(
      new ListObjectsV2Command({ Bucket, Delimiter: "/", ContinuationToken: first.NextContinuationToken }),
    );
    expect([first.CommonPrefixes, first.Contents?.map(({ Key }) => Key), first.IsTruncated]).toEqual([
      [{ Prefix: "a/" }],
      ["b"],
      true,
    ]);
    expect([second.CommonPrefixes, second.Contents?.map(({ Key }) => Key), second.IsTruncated]).toEqual([
      [{ Prefix: "c/" }],
      ["d"],
      false,
    ]);
    expect((await client.send(new ListObjectsV2Command({ Bucket, Prefix: "a/" }))).KeyCount).toBe(2);
  });

  test("copies, and deletes many at once", async () => {
    const { client } = await s3WithBucket();
    await client.send(new PutObjectCommand({ Bucket, Key: "a", Body: "1", Metadata: { m: "x" } }));
    await client.send(new CopyObjectCommand({ Bucket, Key: "b", CopySource: `${Bucket}/a` }));
    expect((await client.send(new HeadObjectCommand({ Bucket, Key: "b" }))).Metadata).toEqual({ m: "x" });
    const deleted = await client.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "a" }, { Key: "b" }] } }),
    );
    expect(deleted.Deleted).toEqual([{ Key: "a" }, { Key: "b" }]);
    expect((await client.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
  });

  test("a bucket with versions hides a deleted object and can still read it", async () => {
    const { client } = await s3WithBucket();
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
    const { VersionId } = await client.send(new PutObjectCommand({ Bucket, Key: "a", Body: "1" }));
    await client.send(new PutObjectCommand({ Bucket, Key: "a", Body: "2" }));
    expect((await client.send(new DeleteObjectCommand({ Bucket, Key: "a" }))).DeleteMarker).toBe(true);
    await expect(client.send(new GetObjectCommand({ Bucket, Key: "a" }))).rejects.toMatchObject({ name: "NoSuchKey" });
    const old = await client.send(new GetObjectCommand({ Bucket, Key: "a", VersionId }));
    expect(await old.Body?.transformToString()).toBe("1");
    const versions = await client.send(new ListObjectVersionsCommand({ Bucket }));
    expect([versions.Versions?.length, versions.DeleteMarkers?.length]).toEqual([2, 1]);
  });

  test("an upload in parts becomes one object, or nothing when it is given up", async () => {
    const { client, s3 } = await s3WithBucket();
    const { UploadId } = await client.send(
      new CreateMultipartUploadCommand({ Bucket, Key: "big", Metadata: { m: "1" } }),
    );
    const send = (PartNumber: number, Body: Buffer) =>
      client.send(new UploadPartCommand({ Bucket, Key: "big", UploadId, PartNumber, Body }));
    const one = await send(1, Buffer.alloc(5 * 1024 * 1024, "a"));
    const two = await send(2, Buffer.from("tail"));
    const Parts = [
      { PartNumber: 1, ETag: one.ETag },
      { PartNumber: 2, ETag: two.ETag },
    ];
    const done = await client.send(
      new CompleteMultipartUploadCommand({ Bucket, Key: "big", UploadId, MultipartUpload: { Parts } }),
    );
    expect(done.ETag).toMatch(/-2"$/);
    expect((await s3.readObject(Bucket, "big")).length).toBe(5 * 1024 * 1024 + 4);
    const other = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: "none" }));
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key: "none", UploadId: other.UploadId }));
    await expect(client.send(new HeadObjectCommand({ Bucket, Key: "none" }))).rejects.toMatchObject({
      name: "NotFound",
    });
  });
});

describe("plain HTTP clients", () => {
  const signed = { authorization: "AWS4-HMAC-SHA256 Credential=TEST/20260101/eu-west-1/s3/aws4_request, Signature=0" };

  test("need no x-id, and may name the bucket in the Host header", async () => {
    const { endpoint } = await s3WithBucket();
    const put = await endpoint.handle({ method: "PUT", url: "/artefacts/a", headers: signed, body: Buffer.from("1") });
    const path = await endpoint.handle({ method: "GET", url: "/artefacts/a", headers: signed, body: Buffer.alloc(0) });
    const host = { ...signed, Host: "artefacts.localhost:4566" };
    const virtual = await endpoint.handle({ method: "GET", url: "/a", headers: host, body: Buffer.alloc(0) });
    const listed = await endpoint.handle({ method: "GET", url: "/", headers: signed, body: Buffer.alloc(0) });
    expect([put.status, path.body.toString(), virtual.body.toString()]).toEqual([200, "1", "1"]);
    expect(listed.body.toString()).toContain("<Name>artefacts</Name>");
  });

  test("may sign in the query", async () => {
    const { endpoint } = await s3WithBucket();
    const query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=TEST%2F20260101%2Feu-west-1%2Fs3%2Faws4_request";
    const put = await endpoint.handle({
      method: "PUT",
      url: `/artefacts/a?${query}`,
      headers: {},
      body: Buffer.from("1"),
    });
    const get = await endpoint.handle({
      method: "GET",
      url: `/artefacts/a?${query}`,
      headers: {},
      body: Buffer.alloc(0),
    });
    expect([put.status, get.body.toString()]).toEqual([200, "1"]);
  });
});
