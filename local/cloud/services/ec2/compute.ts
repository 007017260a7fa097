/** Credentials of a role's session, as STS gives them. */
export interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since the epoch. */
  readonly expiration: number;
}

/** What the metadata endpoint of one instance answers. What can change while it runs is asked each time. */
export interface InstanceMetadata {
  readonly account: string;
  readonly region: string;
  readonly availabilityZone: string;
  readonly instanceType: string;
  readonly imageId: string;
  /** `x86_64` or `arm64`. */
  readonly architecture: string;
  /** Name of the role; undefined without an instance profile: the `iam/` tree is then absent, as on EC2. */
  readonly role: string | undefined;
  credentials(): RoleCredentials | undefined;
  /** `autoscaling/target-lifecycle-state`; undefined for an instance of no group. */
  lifecycleState(): string | undefined;
  /** Undefined unless the launch asked for `InstanceMetadataTags: enabled`: EC2 then answers 404. */
  tags(): Readonly<Record<string, string>> | undefined;
}

export interface MachineSpec {
  readonly instanceId: string;
  /** Private IPv4 address that others reach this machine at. */
  readonly address: string;
  /** Decoded; empty when there is none. */
  readonly userData: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly metadata: InstanceMetadata;
  /** TCP ports that the security groups open. */
  readonly ports: readonly number[];
}

export interface MachineCommand {
  readonly script: string;
  readonly timeoutMs: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Aborted: the command's processes are killed and the outcome has `exitCode: null`. */
  readonly signal?: AbortSignal;
}

export interface MachineOutcome {
  /** Null when a signal ended the script. */
  readonly exitCode: number | null;
  /** At most 24,000 characters each, as Run Command keeps. */
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** A machine under an instance: a sandbox of real processes in the farm, a model in the simulation. */
export interface Machine {
  readonly pid?: number | undefined;
  readonly address: string;
  /** Since when nothing reaches it and it reaches nobody, in milliseconds of the clock; undefined while it is connected. */
  readonly cutOffSince?: number | undefined;
  /** Rejects when the machine is off, or is lost before the script has ended. */
  run(command: MachineCommand): Promise<MachineOutcome>;
  /** A power cut: no process of it is left and nothing answers on its address when this resolves. */
  powerOff(): Promise<void>;
  powerOn(): Promise<void>;
  /** Power off, and everything on its disk is gone. */
  destroy(): Promise<void>;
  /** Called when the machine ends without being told to. */
  onExit(listener: (reason: string) => void): void;
  consoleOutput(): string;
  /** The security groups changed. Connections that are open live on, as tracked connections do on EC2. */
  openPorts?(ports: readonly number[]): Promise<void>;
}

export interface Compute {
  /** Resolves when the machine has power; user data runs from then on. Rejects when it cannot start. */
  boot(spec: MachineSpec): Promise<Machine>;
  close(): Promise<void>;
}
