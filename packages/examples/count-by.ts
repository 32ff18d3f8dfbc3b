/** Counts what an observable emits, by a key. */
import { lastValueFrom, type Observable, reduce } from 'rxjs'

export function countBy<T>(source: Observable<T>, key: (value: T) => string) {
  const count = (counts: Record<string, number>, value: T): Record<string, number> => {
    const name = key(value)
    return { ...counts, [name]: (counts[name] ?? 0) + 1 }
  }
  return lastValueFrom(source.pipe(reduce(count, {})))
}
