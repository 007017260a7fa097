import type { Emit } from "../../bus/emit.ts";
import type { World } from "../../service.ts";
import type { TemplateChoice, TemplateVersion } from "./model.ts";

/** What the groups need to know of an instance. */
export interface SeenInstance {
  readonly instanceId: string;
  readonly state: "pending" | "running" | "shutting-down" | "terminated" | "stopping" | "stopped";
  readonly subnetId: string;
  readonly availabilityZone: string;
  readonly instanceType?: string;
  readonly launchTemplateId?: string | undefined;
  readonly launchTemplateVersion?: string | number | undefined;
}

export interface InstanceRequest {
  readonly launchTemplateId?: string;
  readonly launchTemplateName?: string;
  readonly version: string;
  readonly subnetId?: string;
  readonly availabilityZone?: string;
  readonly tags: Readonly<Record<string, string>>;
  /** The instance's metadata value `autoscaling/target-lifecycle-state`. */
  readonly lifecycleState: () => string;
}

/** EC2, as far as Auto Scaling uses it. */
export interface InstanceSource {
  /** The number that a version stands for now, and the template's id. Throws what EC2 answers when there is none. */
  templateVersion(named: TemplateChoice): TemplateVersion;
  /** Settles when EC2 has accepted the launch; the instance may still be `pending`. */
  launch(request: InstanceRequest): Promise<SeenInstance>;
  terminate(instanceId: string): Promise<void>;
  /** Accepted at once or refused: afterwards the instance is seen as `stopping`, or as `pending`. */
  stop(instanceId: string): Promise<void>;
  start(instanceId: string): Promise<void>;
  /** May have keys of `aws:`, as only AWS's own services can. An instance that is gone has no tags. */
  tag(instanceId: string, tags: Readonly<Record<string, string>>): void;
  untag(instanceId: string, key: string): void;
  instance(instanceId: string): SeenInstance | undefined;
  onChange(listener: (instance: SeenInstance) => void): void;
  /** Lets a group name its zones before it has an instance in them. */
  zoneOfSubnet?(subnetId: string): string | undefined;
}

/** Elastic Load Balancing, as far as Auto Scaling uses it. */
export interface TargetRegistry {
  register(targetGroupArn: string, target: { id: string; port?: number }): void;
  deregister(targetGroupArn: string, id: string): void;
  health(targetGroupArn: string, id: string): "initial" | "healthy" | "unhealthy" | "draining" | "unused";
}

export interface Surroundings {
  readonly world: World;
  readonly ec2: InstanceSource;
  readonly targets: TargetRegistry;
  readonly emit: Emit;
}
