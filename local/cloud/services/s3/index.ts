import type { Service, World } from "../../service.ts";
import { bucketOperations } from "./buckets.ts";
import { listOperations } from "./listing.ts";
import { multipartOperations } from "./multipart.ts";
import { objectOperations } from "./objects.ts";
import { settingOperations } from "./settings.ts";
import { Store } from "./store.ts";

export interface S3 {
  readonly service: Service;
  /** The current content of an object; throws CloudError NoSuchBucket or NoSuchKey. */
  readonly readObject: (bucket: string, key: string) => Promise<Buffer>;
}

/** S3 in memory: buckets with their settings, objects with versions and metadata, multipart uploads. */
export function openS3(world: World): S3 {
  const store = new Store(world);
  return {
    service: {
      id: "s3",
      operations: {
        ...bucketOperations(store),
        ...settingOperations(store),
        ...objectOperations(store),
        ...listOperations(store),
        ...multipartOperations(store),
      },
      resourceOf: (_operation, { Bucket, Key }) => {
        if (typeof Bucket !== "string") return "*";
        return typeof Key === "string" ? `arn:aws:s3:::${Bucket}/${Key}` : `arn:aws:s3:::${Bucket}`;
      },
    },
    readObject: async (bucket, key) => store.object(store.bucket(bucket), key).content,
  };
}
