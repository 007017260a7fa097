import { Readable } from "node:stream";
import { afterAll, describe, expect, test } from "@jest/globals";
import { AwsQueryProtocol, AwsSmithyRpcV2CborProtocol } from "@aws-sdk/core/protocols";
import { HttpResponse, type HttpRequest } from "@smithy/core/protocols";
import { isTextObject } from "../../local/cloud/wire/check.ts";
import { CloudError } from "../../local/cloud/errors.ts";
import type { ServiceId } from "../../local/cloud/service.ts";
import { decodeRequest, encodeError, encodeOutput, type Decoded, type Members } from "../../local/cloud/wire/index.ts";
import {
  clientPackage,
  queryCode,
  serviceIds,
  serviceSchema,
  type OperationSchema,
} from "../../local/cloud/wire/schema.ts";
import { wireRequest } from "../unit/cloud/client.ts";
import { fixedInputs, fixedOutputs } from "./wire/quirks.ts";
import { hasEventStream, numbers, value } from "./wire/values.ts";

const SEED = 20_260_101;

interface Trip {
  decoded: Decoded | undefined;
  output: Members;
  /** Answered instead of the output. */
  error?: CloudError | undefined;
}

type Send = { send(command: unknown): Promise<Record<string, unknown>> };

const isConstructor = (candidate: unknown): candidate is new (argument: unknown) => Send =>
  typeof candidate === "function";
const construct = (exported: object, name: string): new (argument: unknown) => Send => {
  const found: unknown = Reflect.get(exported, name);
  if (isConstructor(found)) return found;
  throw new Error(`${name} is not exported`);
};

/** Bytes as numbers and without the classes of the SDK, so that both sides compare. */
function plain(something: unknown): unknown {
  if (something instanceof Uint8Array) return { bytes: [...something] };
  if (something instanceof Date) return something;
  if (isTextObject(something)) return something.toString();
  if (Array.isArray(something)) return something.map(plain);
  if (typeof something !== "object" || something === null) return something;
  return Object.fromEntries(
    Object.entries(something)
      .filter(([name, one]) => one !== undefined && name !== "$metadata")
      .map(([name, one]) => [name, plain(one)]),
  );
}

const isStream = (something: unknown): something is { transformToByteArray(): Promise<Uint8Array> } =>
  typeof something === "object" && something !== null && "transformToByteArray" in something;

async function collected(output: Record<string, unknown>): Promise<Record<string, unknown>> {
  const entries = Object.entries(output).map(async ([name, one]) => [
    name,
    isStream(one) ? await one.transformToByteArray() : one,
  ]);
  return Object.fromEntries(await Promise.all(entries));
}

interface Way {
  readonly name: string;
  readonly id: ServiceId;
  readonly protocol?: unknown;
  readonly fixed?: Readonly<Record<string, unknown>>;
}

/** In a form these two have the same name: one replaced the other. */
const oneName = { AttributeNames: ["All"], MessageSystemAttributeNames: ["All"] };

const ways: readonly Way[] = [
  ...serviceIds.map((id) => ({ name: id, id })),
  // what botocore, curl and older clients speak to these two
  { name: "monitoring as CBOR", id: "monitoring", protocol: AwsSmithyRpcV2CborProtocol },
  { name: "monitoring as a form", id: "monitoring", protocol: AwsQueryProtocol },
  { name: "sqs as a form", id: "sqs", protocol: AwsQueryProtocol, fixed: oneName },
];

async function clientFor(way: Way, trip: Trip): Promise<Send> {
  const { client } = await clientPackage(way.id);
  if (!isConstructor(client)) throw new Error("no client");
  return new client({
    region: "eu-west-1",
    endpoint: "http://127.0.0.1:4566",
    credentials: { accessKeyId: "TEST", secretAccessKey: "test" },
    maxAttempts: 1,
    // checksums over bodies are the business of S3 and SQS themselves
    ...(way.id === "sqs" && { md5: false }),
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    ...(way.protocol !== undefined && { protocol: way.protocol }),
    requestHandler: {
      async handle(request: HttpRequest) {
        trip.decoded = await decodeRequest(await wireRequest(request));
        const { status, headers, body } = trip.error
          ? encodeError(trip.decoded.form, trip.error, "request-1")
          : encodeOutput(trip.decoded, trip.output, "request-1");
        return { response: new HttpResponse({ statusCode: status, headers, body: Readable.from([body]) }) };
      },
    },
  });
}

const isMembers = (one: unknown): one is Members => typeof one === "object" && one !== null;

async function roundTrip(way: Way, operation: OperationSchema, client: Send, trip: Trip, seed: number): Promise<void> {
  const { exported } = await clientPackage(way.id);
  const random = numbers(seed);
  const input = value(operation.input, { random, fixed: { ...fixedInputs[way.id], ...way.fixed } });
  const output = value(operation.output, { random, fixed: fixedOutputs[way.id] ?? {} });
  trip.output = operation.output.isStructSchema() && isMembers(output) ? output : {};
  trip.decoded = undefined;
  const Command = construct(exported, `${operation.name}Command`);
  const answer = await client.send(new Command(operation.input.isStructSchema() ? structuredCloneOf(input) : {}));
  const decoded = decodedBy(trip);
  expect(decoded).toMatchObject({ service: way.id, operation: operation.name });
  expect(plain(decoded.input)).toEqual(plain(operation.input.isStructSchema() ? input : {}));
  expect(plain(await collected(answer))).toEqual(plain(trip.output));
}

/** Read through a function, because the type checker does not see that sending sets it. */
function decodedBy(trip: Trip): Decoded {
  if (trip.decoded === undefined) throw new Error("no request arrived");
  return trip.decoded;
}

/** Middleware of the SDK may change its input in place. */
const structuredCloneOf = (input: unknown): unknown =>
  typeof input === "object" && input !== null ? { ...input } : {};

/** Sends an operation that fails with each error that the service's model knows; gives what clients read wrongly. */
async function wrongErrors(way: Way): Promise<string[]> {
  const schema = await serviceSchema(way.id);
  const { exported } = await clientPackage(way.id);
  const operation = [...schema.operations.values()].find(
    ({ input, output }) => input.isStructSchema() && !hasEventStream(output),
  );
  if (operation === undefined) throw new Error("no operation");
  const trip: Trip = { decoded: undefined, output: {} };
  const client = await clientFor(way, trip);
  const Command = construct(exported, `${operation.name}Command`);
  const random = numbers(SEED);
  const fixed = { ...fixedInputs[way.id], ...way.fixed, ...fixedErrors };
  const failures: string[] = [];
  for (const error of new Set(schema.errors.values())) {
    // two shapes of CloudWatch have one code; clients then read the shape that is called like the code
    if (schema.errors.get(queryCode(error) ?? error.getName() ?? "") !== error) continue;
    const made = value(error, { random, fixed });
    const detail: Members = typeof made === "object" && made !== null ? { ...made } : {};
    trip.error = new CloudError(error.getName() ?? "", "what went <wrong> & why", 400, detail);
    try {
      const input = value(operation.input, { random, fixed: { ...fixedInputs[way.id], ...way.fixed } });
      const thrown: unknown = await client.send(new Command(input)).catch((reason: unknown) => reason);
      expect(thrown).toMatchObject({ name: error.getName(), message: "what went <wrong> & why" });
      expect(plain(thrown instanceof Error ? Object.fromEntries(Object.entries(thrown)) : {})).toMatchObject(
        Object(plain(detail)),
      );
      errors += 1;
    } catch (failure) {
      failures.push(`${error.getName()}: ${failure instanceof Error ? failure.message : String(failure)}`);
    }
  }
  return failures;
}

/** The message is given by the CloudError, not by its details; a query error's type by its status. */
const fixedErrors = { message: undefined, Message: undefined };

const eventStreams: string[] = [];
let trips = 0;
let errors = 0;

describe.each(ways)("$name", (way) => {
  test("every operation arrives as it was sent and is answered as it was returned", async () => {
    const trip: Trip = { decoded: undefined, output: {} };
    const client = await clientFor(way, trip);
    const failures: string[] = [];
    let seed = SEED;
    for (const operation of (await serviceSchema(way.id)).operations.values()) {
      if (hasEventStream(operation.output) || hasEventStream(operation.input)) {
        eventStreams.push(`${way.name}:${operation.name}`);
        continue;
      }
      try {
        await roundTrip(way, operation, client, trip, ++seed);
        trips += 1;
      } catch (error) {
        failures.push(`${operation.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    expect(failures).toEqual([]);
  }, 60_000);

  test("every error of the model is read as it was thrown", async () => {
    expect(await wrongErrors(way)).toEqual([]);
  }, 60_000);
});

test("only streams of events are left out", () => {
  expect(eventStreams).toHaveLength(4);
  expect(trips).toBeGreaterThan(2_000);
});

afterAll(() => {
  process.stdout.write(
    `wire: ${trips} round trips, ${errors} errors; not tried, because they are streams of events: ${eventStreams.join(", ")}\n`,
  );
});
