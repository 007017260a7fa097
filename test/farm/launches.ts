import { expect } from "@jest/globals";
import { AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import { CloudWatchClient, DescribeAlarmHistoryCommand } from "@aws-sdk/client-cloudwatch";
import { GetCommandInvocationCommand, ListCommandsCommand, SSMClient } from "@aws-sdk/client-ssm";
import { clientOptions, calls, journal } from "./farm.ts";

/** Promised (docs/TESTING.md). */
const ALARM_TO_SERVICE_SECONDS_MAX = 20;

/** SDK clients of the operator, pointed at the farm. */
export function operator() {
  const options = clientOptions();
  return {
    scaling: new AutoScalingClient(options),
    commands: new SSMClient(options),
    alarms: new CloudWatchClient(options),
  };
}

/** Each completed hook was completed by the controller's function, after a command had run on the node. */
export async function everyHookPassedThroughLambda(since: string): Promise<void> {
  const made = calls().filter((call) => call.at >= since);
  const completions = made.filter((call) => call.operation === "CompleteLifecycleAction" && call.status === 200);
  expect(completions.length).toBeGreaterThanOrEqual(2);
  for (const { principal } of completions) expect(principal).toMatch(/assumed-role\/tandem-local-.*/);
  const commands = made.filter((call) => call.operation === "SendCommand" && call.status === 200);
  expect(commands.length).toBeGreaterThanOrEqual(completions.length);
  const applied = (await journal(since)).filter((line) => line.phase === "applied");
  expect(applied.filter((line) => line.action === "complete-hook").length).toBeGreaterThanOrEqual(completions.length);
}

/**
 * From the alarm's change of state to the first new node in service, and what of it was the controller's own: the way
 * from the alarm to the decision, and from the end of the node's launch command to the completed hook.
 */
export async function alarmToService(since: string): Promise<void> {
  const applied = (await journal(since)).filter((line) => line.phase === "applied");
  const decided = applied.find((line) => line.action === "set-desired");
  const joined = applied.find((line) => line.action === "complete-hook");
  const alarmAt = await alarmOf(applied);
  const launchedAt = await endOfLaunch(joined?.scope.replace("web/", "") ?? "");
  const [decidedAt, joinedAt] = [Date.parse(decided?.at ?? ""), Date.parse(joined?.at ?? "")];
  const seconds = (joinedAt - alarmAt) / 1000;
  const own = (decidedAt - alarmAt + joinedAt - launchedAt) / 1000;
  console.log(
    `from the alarm to the first node in service: ${seconds.toFixed(1)} s, of which the controller ${own.toFixed(1)} s`,
  );
  expect(seconds).toBeLessThan(ALARM_TO_SERVICE_SECONDS_MAX);
}

/** When the alarm that the first scale-out of these lines names as its cause (`alarm <name> is <state>`) had gone off. */
export async function alarmOf(lines: Awaited<ReturnType<typeof journal>>): Promise<number> {
  const decided = lines.find((line) => line.phase === "applied" && line.action === "set-desired");
  const [, AlarmName = "", state = ""] = /^alarm (\S+) is (\S+)$/.exec(decided?.cause ?? "") ?? [];
  const history = await operator().alarms.send(
    new DescribeAlarmHistoryCommand({ AlarmName, HistoryItemType: "StateUpdate" }),
  );
  const decidedAt = Date.parse(decided?.at ?? "");
  const changes = history.AlarmHistoryItems?.flatMap(({ HistorySummary = "", Timestamp }) =>
    HistorySummary.endsWith(`to ${state}`) && Timestamp !== undefined ? [Timestamp.getTime()] : [],
  );
  return Math.max(...(changes ?? []).filter((at) => at <= decidedAt));
}

async function endOfLaunch(InstanceId: string): Promise<number> {
  const { commands } = operator();
  const sent = await commands.send(new ListCommandsCommand({ InstanceId }));
  const launch = sent.Commands?.find((command) => command.DocumentName === "tandem-local-launch");
  const run = await commands.send(new GetCommandInvocationCommand({ InstanceId, CommandId: launch?.CommandId }));
  return Date.parse(run.ExecutionEndDateTime ?? "");
}
