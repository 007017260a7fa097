import type { ResourceRecordSet, VPC } from "@aws-sdk/client-route-53";
import { CloudError } from "../../errors.ts";
import type { World } from "../../service.ts";

export interface Zone {
  readonly id: string;
  /** Lower case, with the dot at its end. */
  readonly name: string;
  readonly callerReference: string;
  readonly isPrivate: boolean;
  comment: string | undefined;
  readonly vpcs: VPC[];
  readonly tags: Map<string, string>;
  /** What the API shows. */
  readonly records: Map<string, ResourceRecordSet>;
  /** What the name servers answer: a change gets here when it is INSYNC. */
  readonly served: Map<string, ResourceRecordSet>;
  /** Until then the last change request is being worked on. */
  busyUntil: number;
}

export interface Change {
  readonly id: string;
  readonly submittedAt: Date;
  status: "PENDING" | "INSYNC";
  readonly comment: string | undefined;
}

/** AWS documents "generally within 60 seconds"; a deployment that waits for it should not take that long here. */
export const PROPAGATION_MS = 2_000;
/** Route 53 works on one request of a zone at a time and refuses the next; AWS documents no time. */
export const WORK_MS = 100;
/** Clients ask only about changes that they have just made. */
const CHANGES_MAX = 10_000;

/** How Route 53 writes the asterisk of a wildcard. */
export const WILDCARD = "\\052.";

/** Names compare without case and with their dot. */
export const normalName = (name: string | undefined): string => {
  const lower = (name ?? "").toLowerCase().replace(/^\*\./, WILDCARD);
  return lower.endsWith(".") ? lower : `${lower}.`;
};

export const bareId = (id: string | undefined): string => (id ?? "").replace(/^\/?(hostedzone|change)\//, "");

export const recordKey = (record: ResourceRecordSet): string =>
  [normalName(record.Name), record.Type ?? "", record.SetIdentifier ?? ""].join("|");

/** The hosted zones of one account and the changes to them. */
export class Zones {
  readonly world: World;
  readonly byId = new Map<string, Zone>();
  private readonly changes = new Map<string, Change>();

  constructor(world: World) {
    this.world = world;
  }

  get(id: string | undefined): Zone {
    const zone = this.byId.get(bareId(id));
    if (zone) return zone;
    throw new CloudError("NoSuchHostedZone", `No hosted zone found with ID: ${bareId(id)}`, 404);
  }

  change(id: string | undefined): Change {
    const change = this.changes.get(bareId(id));
    if (change) return change;
    throw new CloudError("NoSuchChange", `Could not find resource with ID: ${bareId(id)}`, 404);
  }

  /** A change that is PENDING until it has reached the name servers; `apply` is what they learn then. */
  submit(comment: string | undefined, apply: () => void): Change {
    const submittedAt = new Date(this.world.clock.now());
    const id = `C${this.world.ids.hex(20).toUpperCase()}`;
    const change: Change = { id, submittedAt, status: "PENDING", comment };
    this.changes.set(id, change);
    const [oldest] = this.changes.keys();
    if (this.changes.size > CHANGES_MAX && oldest !== undefined) this.changes.delete(oldest);
    this.world.clock.after(PROPAGATION_MS, () => {
      apply();
      change.status = "INSYNC";
    });
    return change;
  }
}

export const changeInfo = (change: Change): object => ({
  Id: `/change/${change.id}`,
  Status: change.status,
  SubmittedAt: change.submittedAt,
  ...(change.comment !== undefined && { Comment: change.comment }),
});
