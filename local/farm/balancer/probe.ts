import { request } from "node:http";
import type { Probe, ProbeResult } from "../../cloud/services/elbv2/proxy.ts";

/** How the checks of an Application Load Balancer name themselves. */
const USER_AGENT = "ELB-HealthChecker/2.0";

/** One check on a connection of its own, which ends with it. The whole answer must arrive in time. */
export function probe({ host, port, path, timeoutMs }: Probe, sourceAddress: string | undefined): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const asked = request({
      agent: false,
      host,
      port,
      path,
      ...(sourceAddress === undefined ? {} : { localAddress: sourceAddress }),
      headers: { host: `${host}:${port}`, "user-agent": USER_AGENT, connection: "close" },
    });
    const settle = (result: ProbeResult): void => {
      clearTimeout(timer);
      resolve(result);
      asked.destroy();
    };
    const timer = setTimeout(() => settle({ failure: "timeout" }), timeoutMs);
    asked.on("error", () => settle({ failure: "connection" }));
    asked.on("response", (response) => {
      response.on("error", () => settle({ failure: "connection" }));
      response.on("end", () => settle({ status: response.statusCode ?? 0 }));
      response.resume();
    });
    asked.end();
  });
}
