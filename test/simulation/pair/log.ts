/**
 * A list that only grows. Versions share their storage, so that appending costs no copy; each sees its own length, and a
 * second branch of the same version gets storage of its own. From outside it is immutable.
 */
export interface Log<T> {
  readonly size: number;
  readonly storage: T[];
}

export const emptyLog = <T>(): Log<T> => ({ size: 0, storage: [] });

export function append<T>({ size, storage }: Log<T>, item: T): Log<T> {
  const own = storage.length === size ? storage : storage.slice(0, size);
  own.push(item);
  return { size: size + 1, storage: own };
}

export const itemAt = <T>({ size, storage }: Log<T>, index: number): T | undefined =>
  index < size ? storage[index] : undefined;

export const itemsFrom = <T>({ size, storage }: Log<T>, index: number): readonly T[] => storage.slice(index, size);
