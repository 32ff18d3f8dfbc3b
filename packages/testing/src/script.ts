/** The script of a backend without an operating system: a test says what each call answers and what becomes ready, and when. */
import type { BackendFactory } from '@pollout/core'
import { type ScriptOptions, ScriptState } from './script-state.js'
import { ScriptedBackend } from './scripted-backend.js'

/**
 * The hand behind one scripted backend. Give `script.factory` to one `createReactor()`.
 *
 * Without answers, every socket opens, connect() says EINPROGRESS, finishConnect() CONNECTED, send() takes all,
 * and receive() gives what `socket.arrive()` brought.
 *
 * @example
 * ```ts
 * import { createReactor } from '@pollout/core'
 * import { type Script, scriptedBackend } from '@pollout/testing'
 *
 * const script: Script = scriptedBackend()
 * const reactor = createReactor({ backend: script.factory })
 * reactor.connect('tcp://192.0.2.1:80').subscribe(() => console.log('connected'))
 * setImmediate(() => {
 *   script.ready(script.sockets[0])
 *   script.deliver() // and so it connects
 * })
 * ```
 */
export class Script extends ScriptState {
  readonly factory: BackendFactory = (sink) => {
    if (this.sink)
      throw new Error('a script is for one backend: make another with scriptedBackend()')
    this.sink = sink
    return new ScriptedBackend(this)
  }
}

/**
 * A scripted backend's script.
 *
 * @example
 * ```ts
 * import { createReactor, errno } from '@pollout/core'
 * import { scriptedBackend } from '@pollout/testing'
 *
 * const script = scriptedBackend()
 * script.once('open', -errno.EMFILE) // the first socket can't be had
 * const reactor = createReactor({ backend: script.factory })
 * ```
 */
export function scriptedBackend(options?: ScriptOptions): Script {
  return new Script(options)
}
