import { Logger } from "@aws-lambda-powertools/logger";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import { logMetrics } from "@aws-lambda-powertools/metrics/middleware";
import withMiddleware from "@middy/core";
import type { Context } from "aws-lambda";
import { wallClock } from "./clock.ts";
import type { Invocation } from "./lookout.ts";

/** Service name and metric namespace come from the deployment (POWERTOOLS_SERVICE_NAME, POWERTOOLS_METRICS_NAMESPACE). */
const logger = new Logger();
const metrics = new Metrics();

/**
 * A Lambda handler with structured logs and EMF metrics around `run`. What `run` throws fails the invocation, after the
 * log has it and the metrics are written.
 */
export const onLambda = <R>(run: (invocation: Invocation, event: unknown) => Promise<R>) =>
  withMiddleware<unknown, R>()
    .use(injectLambdaContext(logger, { clearState: true }))
    .use(logMetrics(metrics, { captureColdStartMetric: true }))
    .onError(({ error }) => {
      logger.error(error?.message ?? "failed", error ?? "no error was given");
    })
    .handler(async (event: unknown, context: Context) => {
      const startedAt = wallClock.now();
      try {
        return await run(invocationOf(context), event);
      } finally {
        metrics.addMetric("ControllerTime", MetricUnit.Milliseconds, wallClock.now() - startedAt);
      }
    });

const invocationOf = (context: Context): Invocation => ({
  requestId: context.awsRequestId,
  remainingMs: () => context.getRemainingTimeInMillis(),
  log: (line) =>
    logger.info(`${line.scope} ${line.phase}: ${line.action ?? line.problem ?? ""} ${line.result}`, { journal: line }),
  count: (metric) => metrics.addMetric(metric, MetricUnit.Count, 1),
  note: (message) => logger.info(message),
});
