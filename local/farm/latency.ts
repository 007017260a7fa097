import { Transform, type TransformCallback } from "node:stream";

/** Bytes under way at a time; a sender that is faster waits, as with a full window. */
const UNDER_WAY_BYTES_MAX = 1024 * 1024;

interface Parcel {
  readonly bytes: Buffer;
  /** `performance.now()` of its arrival. */
  readonly due: number;
}

/** One direction of a slow link: every byte arrives `delayMs` later, in order and however many are under way. */
export class Latency extends Transform {
  delayMs = 0;
  readonly #parcels: Parcel[] = [];
  #underWayBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #whenLess: TransformCallback | undefined;
  #whenEmpty: TransformCallback | undefined;

  override _transform(bytes: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.delayMs === 0 && this.#parcels.length === 0) return done(null, bytes);
    this.#parcels.push({ bytes, due: performance.now() + this.delayMs });
    this.#underWayBytes += bytes.length;
    this.#wake();
    if (this.#underWayBytes < UNDER_WAY_BYTES_MAX) return done();
    this.#whenLess = done;
  }

  override _flush(done: TransformCallback): void {
    this.#whenEmpty = done;
    this.#settle();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    done(error);
  }

  #wake(): void {
    const [first] = this.#parcels;
    if (first === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#deliver();
      },
      Math.max(0, first.due - performance.now()),
    );
  }

  #deliver(): void {
    for (let [first] = this.#parcels; first !== undefined && first.due <= performance.now(); [first] = this.#parcels) {
      this.#parcels.shift();
      this.#underWayBytes -= first.bytes.length;
      this.push(first.bytes);
    }
    this.#wake();
    this.#settle();
  }

  #settle(): void {
    if (this.#underWayBytes < UNDER_WAY_BYTES_MAX) {
      const resume = this.#whenLess;
      this.#whenLess = undefined;
      resume?.();
    }
    if (this.#parcels.length === 0) {
      const end = this.#whenEmpty;
      this.#whenEmpty = undefined;
      end?.();
    }
  }
}
