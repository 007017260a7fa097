import type { Clock } from "../clock.ts";
import type { Table } from "../aws/table.ts";
import type { LifecycleClients } from "../lifecycle/aws.ts";
import type { Requests } from "../reconcile/requests.ts";
import type { Spec } from "../spec.ts";
import type { FleetClients } from "./aws.ts";

/** What the capabilities of the web tier are given. */
export type FleetDeps = FleetClients &
  LifecycleClients & {
    readonly spec: Spec;
    readonly clock: Clock;
    readonly table: Table;
    readonly requests: Requests;
  };
