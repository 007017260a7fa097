import { EventEmitter } from "node:events";
import dynalite from "dynalite";
import { CloudError } from "../../errors.ts";
import { readJson, writeJson } from "../../wire/codec.ts";
import type { Members } from "../../wire/index.ts";
import { serviceSchema } from "../../wire/schema.ts";

/** Performs an operation on the tables and items themselves. Throws CloudError as DynamoDB would answer. */
export type Engine = (operation: string, input: Members) => Promise<Members>;

const isMembers = (value: unknown): value is Members => typeof value === "object" && value !== null;

/** dynalite wants a signature of the right shape; it does not verify it either. */
const headers = {
  "content-type": "application/x-amz-json-1.0",
  authorization: "AWS4-HMAC-SHA256 Credential=in-process, SignedHeaders=host, Signature=none",
  "x-amz-date": "20260101T000000Z",
};

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** As much of a server's response as dynalite uses. */
class Response {
  statusCode = 200;
  contentType = "";
  private readonly done: (answer: Answer) => void;

  constructor(done: (answer: Answer) => void) {
    this.done = done;
  }

  setHeader(): void {}

  end(body: string | Buffer = ""): void {
    this.done({ status: this.statusCode, body: body.toString() });
  }
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

function asError({ status, body }: Answer): CloudError {
  const parsed: unknown = JSON.parse(body || "{}");
  const { __type, message, Message, ...detail } = isMembers(parsed) ? parsed : {};
  const code = text(__type)?.split("#").at(-1) ?? "InternalServerError";
  return new CloudError(code, text(message) ?? text(Message) ?? code, status, detail);
}

/**
 * dynalite in memory, called by its server's `request` event without a socket.
 * Tables change their state at once: nothing here waits on the wall clock.
 */
export function openEngine(): Engine {
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  const ask = (operation: string, body: string): Promise<Answer> =>
    new Promise((resolve) => {
      const request = Object.assign(new EventEmitter(), {
        method: "POST",
        url: "/",
        headers: { ...headers, "x-amz-target": `DynamoDB_20120810.${operation}` },
      });
      server.emit("request", request, new Response(resolve));
      request.emit("data", Buffer.from(body));
      request.emit("end");
    });
  return async (operation, input) => {
    const schema = (await serviceSchema("dynamodb")).operations.get(operation);
    if (schema === undefined) throw new Error(`DynamoDB has no operation ${operation}`);
    const answer = await ask(operation, writeJson(schema.input, input, false));
    if (answer.status >= 300) throw asError(answer);
    const output = await readJson(schema.output, Buffer.from(answer.body), false);
    return isMembers(output) ? output : {};
  };
}
