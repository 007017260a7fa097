/** What shared file systems really are in a world: folders in the local farm, models in tests. */
export interface Shares {
  /** Makes the empty file system; nobody reaches it yet. */
  create(fileSystemId: string): Promise<void>;
  /** From now on machines reach it, or do not: its data stay either way. Idempotent. */
  serve(fileSystemId: string, served: boolean): Promise<void>;
  /** Its data are gone afterwards. Idempotent. */
  remove(fileSystemId: string): Promise<void>;
}
