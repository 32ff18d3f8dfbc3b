/** The compiled addon: its functions, and whether it can be loaded here. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

/** The functions of one backend, as native/socket_calls.cc makes them. Results as in `Backend`. */
export interface NativeFunctions {
  open(family: number): number
  connectInet(handle: number, address: string, port: number): number
  connectInet6(handle: number, address: string, port: number): number
  connectUnix(handle: number, path: string): number
  register(handle: number, token: number, interest: number): number
  deregister(handle: number): void
  finishConnect(handle: number): number
  receive(handle: number, into: Uint8Array): number
  send(handle: number, data: Uint8Array, offset: number): number
  shutdown(handle: number): number
  close(handle: number, reset: boolean): void
  localAddress(handle: number): NativeAddress | undefined
  peerAddress(handle: number): NativeAddress | undefined
  openHandles(): number
  poll(): void
  setRef(ref: boolean): void
  /** Calls `closed` once everything is given back; a second call does nothing. */
  destroy(closed: () => void): void
}

export type NativeAddress =
  | { readonly family: 'inet' | 'inet6'; readonly address: string; readonly port: number }
  | { readonly family: 'unix'; readonly path: string }

export interface Addon {
  /** Holds the two functions weakly while nothing is armed: the caller keeps them. */
  createBackend(
    ready: (tokens: Float64Array, readiness: Uint8Array, count: number) => void,
    broken: (cause: Error) => void,
  ): NativeFunctions
}

type Loaded =
  | { readonly addon: Addon }
  | { readonly addon: undefined; readonly reason: string; readonly cause?: unknown }

let loaded: Loaded | undefined

/** The addon, or why there is none. The answer is kept. */
export function loadAddon(): Loaded {
  loaded ??= load()
  return loaded
}

function load(): Loaded {
  if (process.platform !== 'linux') {
    return { addon: undefined, reason: `epoll needs Linux, and this is ${process.platform}` }
  }
  // One folder below the package's root, in src/ and in dist/ alike.
  const path = fileURLToPath(new URL('../build/Release/pollout.node', import.meta.url))
  if (!existsSync(path)) {
    return {
      addon: undefined,
      reason: whyNotCompiled(),
    }
  }
  try {
    return { addon: createRequire(import.meta.url)(path) as Addon }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    return { addon: undefined, reason: `the addon does not load: ${message}`, cause }
  }
}

/** What scripts/build-addon.mjs left behind when it could not compile. */
function whyNotCompiled(): string {
  try {
    const file = new URL('../build/unavailable.txt', import.meta.url)
    return readFileSync(fileURLToPath(file), 'utf8')
  } catch {
    return 'the addon is not compiled; `npm rebuild @pollout/backend-native` does that'
  }
}
