/**
 * What core takes of RxJS, each from its own file: the package's index loads 200 modules, and most of a process' start and
 * 1.7 MB of its heap would be operators that nobody uses. They are the very objects of the index; `exports` of RxJS 7 has
 * the files as `./internal/*`.
 */
import type * as rxjs from 'rxjs'
import { Observable as ObservableOfFile } from 'rxjs/internal/Observable'

export { concat } from 'rxjs/internal/observable/concat'
export { defer } from 'rxjs/internal/observable/defer'
export { EMPTY } from 'rxjs/internal/observable/empty'
export { from } from 'rxjs/internal/observable/from'
export { throwError } from 'rxjs/internal/observable/throwError'
export { repeat } from 'rxjs/internal/operators/repeat'
export { retry } from 'rxjs/internal/operators/retry'
export { share } from 'rxjs/internal/operators/share'
export { Subject } from 'rxjs/internal/Subject'

// Named by the index, as it stands in public types: not every resolution of types knows `exports`.
export type Observable<T> = rxjs.Observable<T>
export const Observable: typeof rxjs.Observable = ObservableOfFile
