import { request as sendHttp, type IncomingMessage } from "node:http";
import { request as sendHttps } from "node:https";
import { connect } from "node:net";
import { STATUS_CODES } from "node:http";
import type { HealthProbe, HealthProber, HealthResult } from "../cloud/services/route53/health.ts";

/** https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html */
const TCP_TIMEOUT_MS = 10_000;
const HTTP_CONNECT_TIMEOUT_MS = 4_000;
const HTTP_ANSWER_TIMEOUT_MS = 2_000;
/** The text must be within this much of the body. */
const SEARCHED_BYTES_MAX = 5_120;

const failure = (reason: string): HealthResult => ({ healthy: false, reason: `Failure: ${reason}` });

/** The checkers of Route 53 as real connections: TCP, or a request that must be answered with 2xx or 3xx in time. */
export const realProber: HealthProber = (probe) => (probe.protocol === "tcp" ? overTcp(probe) : overHttp(probe));

function overTcp({ host, port }: HealthProbe): Promise<HealthResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TCP_TIMEOUT_MS });
    const settle = (result: HealthResult): void => {
      resolve(result);
      socket.destroy();
    };
    socket.once("connect", () => settle({ healthy: true, reason: "Success: Connection established" }));
    socket.once("timeout", () =>
      settle(failure("The health checker could not establish a connection within the timeout.")),
    );
    socket.on("error", (error) => settle(failure(`connection refused or reset: ${error.message}`)));
  });
}

function overHttp({ protocol, host, port, path, name, search }: HealthProbe): Promise<HealthResult> {
  return new Promise((resolve) => {
    const headers = { host: name, "user-agent": "Amazon-Route53-Health-Check-Service", connection: "close" };
    const options = { host, port, path, headers, agent: false } as const;
    // the checkers of Route 53 do not validate certificates either
    const asked = protocol === "https" ? sendHttps({ ...options, rejectUnauthorized: false }) : sendHttp(options);
    const settle = (result: HealthResult): void => {
      clearTimeout(timer);
      resolve(result);
      asked.destroy();
    };
    const give = (ms: number, what: string) => setTimeout(() => settle(failure(`${what} within the timeout.`)), ms);
    let timer = give(HTTP_CONNECT_TIMEOUT_MS, "The health checker could not establish a connection");
    asked.on("socket", (socket) =>
      socket.once("connect", () => {
        clearTimeout(timer);
        timer = give(HTTP_ANSWER_TIMEOUT_MS, "The endpoint did not answer");
      }),
    );
    asked.on("error", (error) => settle(failure(`connection refused or reset: ${error.message}`)));
    asked.on("response", (response) => void judge(response, search).then(settle));
    asked.end();
  });
}

async function judge(response: IncomingMessage, search: string | undefined): Promise<HealthResult> {
  const status = response.statusCode ?? 0;
  const words = `HTTP Status Code ${status}, ${STATUS_CODES[status] ?? ""}`;
  if (status < 200 || status >= 400) return failure(words);
  if (search === undefined) return { healthy: true, reason: `Success: ${words}` };
  let body = "";
  try {
    for await (const chunk of response) {
      body += String(chunk);
      if (body.length >= SEARCHED_BYTES_MAX) break;
    }
  } catch (error) {
    return failure(`the body broke off: ${String(error)}`);
  }
  const found = body.slice(0, SEARCHED_BYTES_MAX).includes(search);
  return found ? { healthy: true, reason: `Success: ${words}` } : failure(`${words}. The text was not found.`);
}
