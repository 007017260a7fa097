import { createHash } from "node:crypto";
import type { DescribeImagesRequest, Image } from "@aws-sdk/client-ec2";
import { CloudError } from "../../errors.ts";
import type { Operation } from "../../service.ts";
import { matching } from "./filter.ts";
import { page } from "./table.ts";

export interface ImageRow {
  readonly id: string;
  readonly name: string;
  readonly architecture: "arm64" | "x86_64";
  readonly owner: string;
  /** Public parameter names that answer with this image's id. */
  readonly parameters: readonly string[];
}

/** Canonical's account, as its documentation of official images names it. */
const CANONICAL = "099720109477";
const RELEASES = { jammy: "22.04", noble: "24.04" };

/** Every image is the sandbox: there is nothing to tell them apart but name, architecture and id. */
export const IMAGES: readonly ImageRow[] = Object.entries(RELEASES).flatMap(([codename, version]) =>
  (["arm64", "amd64"] as const).map((architecture): ImageRow => {
    const name = `ubuntu/images/hvm-ssd-gp3/ubuntu-${codename}-${version}-${architecture}-server`;
    return {
      id: `ami-${createHash("sha256").update(name).digest("hex").slice(0, 17)}`,
      name,
      architecture: architecture === "amd64" ? "x86_64" : "arm64",
      owner: CANONICAL,
      parameters: [codename, version].flatMap((release) =>
        ["ebs-gp2", "ebs-gp3"].map(
          (disk) => `/aws/service/canonical/ubuntu/server/${release}/stable/current/${architecture}/hvm/${disk}/ami-id`,
        ),
      ),
    };
  }),
);

/** The image id behind a public parameter name of Parameter Store, or undefined. */
export const publicImageParameter = (name: string): string | undefined =>
  IMAGES.find((image) => image.parameters.includes(name))?.id;

/** An image by id or `resolve:ssm:<public parameter>`. Throws InvalidAMIID.NotFound, InvalidParameterValue. */
export function imageOf(reference: string): ImageRow {
  const prefix = "resolve:ssm:";
  const id = reference.startsWith(prefix) ? publicImageParameter(reference.slice(prefix.length)) : reference;
  if (id === undefined) {
    throw new CloudError(
      "InvalidParameterValue",
      `The parameter '${reference.slice(prefix.length)}' could not be resolved`,
    );
  }
  const image = IMAGES.find((one) => one.id === id);
  if (image === undefined) throw new CloudError("InvalidAMIID.NotFound", `The image id '[${id}]' does not exist`);
  return image;
}

const view = (image: ImageRow): Image => ({
  ImageId: image.id,
  Name: image.name,
  Architecture: image.architecture,
  OwnerId: image.owner,
  State: "available",
  Public: true,
  ImageType: "machine",
  RootDeviceName: "/dev/sda1",
  RootDeviceType: "ebs",
  VirtualizationType: "hvm",
  Hypervisor: "xen",
  EnaSupport: true,
  CreationDate: "2026-01-01T00:00:00.000Z",
  BlockDeviceMappings: [
    { DeviceName: "/dev/sda1", Ebs: { VolumeSize: 8, VolumeType: "gp3", DeleteOnTermination: true } },
  ],
});

function describe(input: DescribeImagesRequest): object {
  const named = input.ImageIds?.length ? input.ImageIds.map(imageOf) : IMAGES;
  const fields = {
    "image-id": (image: ImageRow) => image.id,
    name: (image: ImageRow) => image.name,
    architecture: (image: ImageRow) => image.architecture,
    "owner-id": (image: ImageRow) => image.owner,
    state: () => "available",
    "root-device-type": () => "ebs",
    "virtualization-type": () => "hvm",
    "is-public": () => true,
  };
  const isWanted = matching(input.Filters, fields);
  const found = named.filter(
    (image) => isWanted(image, []) && (!input.Owners?.length || input.Owners.includes(image.owner)),
  );
  const { rows, ...rest } = page(found, input.MaxResults, input.NextToken);
  return { Images: rows.map(view), ...rest };
}

export const imageOperations = (): Record<string, Operation> => ({
  DescribeImages: (input: DescribeImagesRequest) => describe(input),
});
