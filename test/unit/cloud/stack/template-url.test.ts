import { expect, test } from "@jest/globals";
import { templateLocation } from "../../../../local/cloud/stack/index.ts";

test.each([
  ["https://s3.amazonaws.com/bucket/serverless/a/b/template.json", "bucket", "serverless/a/b/template.json"],
  ["https://s3.eu-west-1.amazonaws.com/bucket/key%20x", "bucket", "key x"],
  ["https://bucket.s3.eu-west-1.amazonaws.com/a/key", "bucket", "a/key"],
])("a template's address %s is found in the cloud's own S3", (url, bucket, key) => {
  expect(templateLocation(url)).toEqual({ bucket, key });
});

test.each(["https://example.com/bucket/key", "https://s3.amazonaws.com/bucket", "nonsense"])(
  "another address is refused and named: %s",
  (url) => {
    expect(() => templateLocation(url)).toThrow(url);
  },
);
