import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";
import { isTopic, type Alarm, type AlarmState, type HistoryItem } from "./alarm.ts";
import { noticeOf } from "./alarm-notice.ts";
import { actionPayload, reasonDataOf, reasonOf, stateChangeDetail } from "./alarm-words.ts";
import { EXTRA_PERIODS, evaluate, type Datapoint } from "./evaluate.ts";
import type { MetricStore } from "./metric-store.ts";
import { statisticNamed } from "./statistic.ts";

/** Alarms with periods under a minute are evaluated every 10 s, all others every minute, as documented. */
const TICK_MS = 10_000;
const MINUTE_MS = 60_000;

/** A period is read a little after its end, so that what was published at its very end has arrived. */
export const EVALUATION_DELAY_MS = 1500;

/** Newest items of an alarm's history; AWS keeps them for 30 days. */
const HISTORY_MAX = 200;

export interface AlarmSources {
  /** Publishes an event of the cloud on the default bus. */
  emit(event: {
    readonly source: string;
    readonly detailType: string;
    readonly detail: unknown;
    readonly resources?: readonly string[];
  }): void;
  invokeFunction(functionArn: string, payload: unknown, origin: string): Promise<void>;
  /** Publishes to a topic; `origin` is the alarm's ARN. A world without SNS has none: the action fails, and says so. */
  publish?(
    topicArn: string,
    notice: { readonly subject: string; readonly message: string },
    origin: string,
  ): Promise<void>;
}

export interface AlarmBoard {
  readonly alarms: Map<string, Alarm>;
  /** Moves an alarm to a state: history, event and actions follow when the value differs. */
  change(alarm: Alarm, state: AlarmState): void;
  note(alarm: Alarm, type: HistoryItem["type"], summary: string, data: unknown): void;
  close(): void;
}

/** Carries out one action: a function is invoked with the event, a topic gets the notice. */
async function carryOut(
  world: World,
  sources: AlarmSources,
  alarm: Alarm,
  previous: AlarmState,
  arn: string,
): Promise<void> {
  const origin = alarm.settings.arn;
  if (!isTopic(arn)) return sources.invokeFunction(arn, actionPayload(world, alarm, previous), origin);
  if (sources.publish === undefined) throw new CloudError("NotFound", `there is no SNS in this world for ${arn}`, 404);
  return sources.publish(arn, noticeOf(world, alarm, previous), origin);
}

/** The alarms of a world and their evaluation by its clock. */
export function openAlarms(world: World, metrics: MetricStore, sources: AlarmSources): AlarmBoard {
  const alarms = new Map<string, Alarm>();
  let closed = false;

  const note: AlarmBoard["note"] = (alarm, type, summary, detail) => {
    alarm.history = [...alarm.history, { at: world.clock.now(), type, summary, data: JSON.stringify(detail) }].slice(
      -HISTORY_MAX,
    );
  };

  const act = (alarm: Alarm, previous: AlarmState, arn: string): void => {
    carryOut(world, sources, alarm, previous, arn).then(
      () => note(alarm, "Action", `Successfully executed action ${arn}`, { actionState: "Succeeded" }),
      (error: unknown) => {
        const why = error instanceof CloudError ? `${error.code}: ${error.message}` : String(error);
        note(alarm, "Action", `Failed to execute action ${arn}. Received error: "${why}"`, {
          actionState: "Failed",
          error: why,
        });
        world.note(`monitoring: action ${arn} of alarm ${alarm.settings.name} failed: ${why}`);
      },
    );
  };

  const change: AlarmBoard["change"] = (alarm, state) => {
    const previous = alarm.state;
    alarm.state = state;
    if (previous.value === state.value) return;
    note(
      alarm,
      "StateUpdate",
      `Alarm updated from ${previous.value} to ${state.value}`,
      stateChangeDetail(alarm, previous),
    );
    const detail = stateChangeDetail(alarm, previous);
    sources.emit({
      source: "aws.cloudwatch",
      detailType: "CloudWatch Alarm State Change",
      detail,
      resources: [alarm.settings.arn],
    });
    if (alarm.actionsEnabled) for (const arn of alarm.settings.actions[state.value]) act(alarm, previous, arn);
  };

  const look = (end: number): void => {
    for (const alarm of alarms.values()) {
      const short = alarm.settings.periodMs < MINUTE_MS;
      if (short || end % MINUTE_MS === 0) evaluateAlarm(world, metrics, alarm, end, change);
    }
    if (end % MINUTE_MS === 0) metrics.prune();
  };

  const arm = (): void => {
    const now = world.clock.now();
    const end = Math.floor((now - EVALUATION_DELAY_MS) / TICK_MS + 1) * TICK_MS;
    timer = world.clock.after(end + EVALUATION_DELAY_MS - now, () => {
      if (closed) return;
      look(end);
      arm();
    });
  };
  let timer: ReturnType<World["clock"]["after"]> | undefined;
  arm();

  return {
    alarms,
    change,
    note,
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

function evaluateAlarm(
  world: World,
  metrics: MetricStore,
  alarm: Alarm,
  end: number,
  change: AlarmBoard["change"],
): void {
  const { settings } = alarm;
  const statistic = statisticNamed(settings.statistic);
  const periods = settings.evaluationPeriods + EXTRA_PERIODS;
  const read = metrics.reader(settings.metric, settings.unit);
  const range: Datapoint[] = Array.from({ length: periods }, (_, index) => {
    const at = end - (periods - index) * settings.periodMs;
    const point = read(at, at + settings.periodMs, settings.periodMs);
    return { at, value: point === undefined ? undefined : statistic(point) };
  });
  const verdict = evaluate(settings, range);
  if (verdict.state === undefined || verdict.state === alarm.state.value) return;
  const now = world.clock.now();
  change(alarm, {
    value: verdict.state,
    reason: reasonOf(settings, alarm.state.value, verdict.state, verdict),
    reasonData: reasonDataOf(settings, now, range[EXTRA_PERIODS]?.at ?? now, verdict),
    at: now,
  });
}
