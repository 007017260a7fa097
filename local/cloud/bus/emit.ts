/** How a service of the cloud puts an event on the default bus; the bus adds id, account, time and region. */
export type Emit = (event: {
  /** e.g. `aws.autoscaling`. */
  source: string;
  detailType: string;
  detail: Record<string, unknown>;
  resources?: string[];
}) => void;
