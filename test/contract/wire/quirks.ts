import type { ServiceId } from "../../../local/cloud/service.ts";

type Fixed = Readonly<Record<string, unknown>>;

/** Members whose values the SDK's own middleware checks, signs or rewrites. */
export const fixedInputs: Readonly<Partial<Record<ServiceId, Fixed>>> = {
  s3: {
    Bucket: "bucket-1",
    ChecksumAlgorithm: "CRC32",
    CopySource: "bucket-2/key",
    ContentMD5: "1B2M2Y8AsgTpgAmY7PhCfg==",
    // encoded and summed by the client, never sent as given
    SSECustomerKey: undefined,
    SSECustomerKeyMD5: undefined,
    CopySourceSSECustomerKey: undefined,
    CopySourceSSECustomerKeyMD5: undefined,
    RequestRoute: "route",
    ContentLength: 3,
    ContentEncoding: "gzip",
  },
  sqs: { QueueUrl: "http://127.0.0.1:4566/000000000000/jobs" },
  route53: { HostedZoneId: "Z1", Id: "Z2", DelegationSetId: "D1", ChangeId: "C1" },
  events: { EndpointId: undefined },
  // deeper than made values go: a structure without members cannot be told from none in XML
  cloudfront: { ParameterDefinitions: [{ Name: "size", Definition: { StringSchema: { Required: true } } }] },
};

export const fixedOutputs: Readonly<Partial<Record<ServiceId, Fixed>>> = {
  // the SDK makes the text of the header of the date that it read from it
  s3: { ContentLength: 3, Expires: new Date(1_700_000_000_000), ExpiresString: "Tue, 14 Nov 2023 22:13:20 GMT" },
};
