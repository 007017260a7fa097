/** What a mapping does with a queue; https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html */
export interface MappingSettings {
  /** As the caller named it: with the alias or number, if any. */
  readonly functionArn: string;
  readonly batchSize: number;
  /** How long a batch that is not full is waited for; 0: not at all. */
  readonly windowSeconds: number;
  /** Batches at work at once. */
  readonly concurrencyMax: number | undefined;
  readonly reportsItemFailures: boolean;
  readonly enabled: boolean;
}

export interface Mapping {
  readonly id: string;
  readonly arn: string;
  readonly queueArn: string;
  settings: MappingSettings;
  tags: Record<string, string>;
  /** Milliseconds since the epoch. */
  modifiedAt: number;
  /** How the last poll or batch went, in AWS's words. */
  lastResult: string;
  /** Ends the polling; a batch at work goes on to its end. */
  stop: () => void;
}

/** SQS, as a mapping uses it with the rights of its function's role. */
export interface QueueAccess {
  /** Throws AccessDenied and what SQS itself refuses. */
  call(roleArn: string, operation: string, input: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>>;
  /** Throws AccessDenied. */
  require(roleArn: string, operation: string, queueArn: string): void;
  urlOf(queueArn: string): string;
  /** When a message can next be received, in milliseconds of the epoch; undefined: the queue is empty or not there. */
  visibleAt(queueArn: string): number | undefined;
  /** Calls when that may have become earlier; what it returns ends it. */
  onChange(queueArn: string, act: () => void): () => void;
}
