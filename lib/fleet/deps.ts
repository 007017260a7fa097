import type { Clock } from "../clock.ts";
import type { Table } from "../aws/table.ts";
import type { LifecycleClients } from "../lifecycle/aws.ts";
import type { Requests } from "../reconcile/requests.ts";
import type { Spec } from "../spec.ts";
import type { CapacityClients, FleetClients } from "./aws.ts";

/** What the size of the web tier takes. */
export type CapacityDeps = CapacityClients & {
  readonly spec: Spec;
  readonly clock: Clock;
  readonly table: Table;
  readonly requests: Requests;
};

/** What all the capabilities of the web tier are given. */
export type FleetDeps = CapacityDeps & FleetClients & LifecycleClients;
