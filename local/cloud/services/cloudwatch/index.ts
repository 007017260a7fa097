import type { Service, World } from "../../service.ts";
import { alarmArn } from "./alarm.ts";
import { alarmOperations } from "./alarm-operations.ts";
import { openAlarms, type AlarmSources } from "./alarms.ts";
import { dashboardArn, dashboardOperations } from "./dashboards.ts";
import type { StateValue } from "./evaluate.ts";
import { metricOperations } from "./metric-operations.ts";
import { openMetricStore, pointOf } from "./metric-store.ts";

export interface CloudWatch {
  readonly service: Service;
  /** Publishes a value of another service of the cloud, at one-minute resolution like AWS's own metrics. */
  record(namespace: string, metricName: string, dimensions: Record<string, string>, value: number, unit?: string): void;
  alarms(): readonly { readonly name: string; readonly state: StateValue }[];
}

/** Metrics, dashboards, and alarms on one metric each; composite alarms, anomaly bands and metric-math alarms are refused by name. */
export function openCloudWatch(world: World, sources: AlarmSources): CloudWatch {
  const store = openMetricStore(world);
  const board = openAlarms(world, store, sources);
  return {
    service: {
      id: "monitoring",
      operations: {
        ...metricOperations(world, store),
        ...alarmOperations(world, board),
        ...dashboardOperations(world),
      },
      resourceOf(_operation, input) {
        const name =
          input["AlarmName"] ??
          (Array.isArray(input["AlarmNames"]) && input["AlarmNames"].length === 1 ? input["AlarmNames"][0] : undefined);
        if (typeof input["ResourceARN"] === "string") return input["ResourceARN"];
        if (typeof input["DashboardName"] === "string") return dashboardArn(world, input["DashboardName"]);
        return typeof name === "string" ? alarmArn(world, name) : "*";
      },
      async close() {
        board.close();
      },
    },
    record(namespace, name, dimensions, value, unit = "None") {
      store.put({ namespace, name, dimensions }, { at: world.clock.now(), unit, fine: false, point: pointOf(value) });
    },
    alarms: () => [...board.alarms.values()].map((alarm) => ({ name: alarm.settings.name, state: alarm.state.value })),
  };
}
