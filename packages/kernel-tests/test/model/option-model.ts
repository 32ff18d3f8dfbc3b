/** Socket options in the model test: set at random, and never found set on a socket that is new. */
import assert from 'node:assert/strict'
import {
  appliesTo,
  type Backend,
  errno,
  type Handle,
  optionNumbers,
  type SocketOptionName,
  type SocketOptionValue,
} from '@pollout/core'
import type { SocketModel } from './socket-model.js'

/**
 * Two values each. Without those that change what the model knows of connect and close: linger with a time (it makes
 * close(2) wait), fast open, port ranges, devices, marks.
 */
const VALUES: Partial<Record<SocketOptionName, readonly [SocketOptionValue, SocketOptionValue]>> = {
  noDelay: [true, false],
  keepAlive: [true, false],
  keepAliveIdleSeconds: [60, 7_200],
  keepAliveIntervalSeconds: [30, 75],
  keepAliveProbes: [3, 9],
  userTimeoutMs: [60_000, 0],
  synRetries: [2, 6],
  typeOfService: [0x10, 0],
  hopLimit: [32, 64],
  sendBufferBytes: [32_768, 65_536],
  receiveBufferBytes: [32_768, 65_536],
  lingerSeconds: [0, 0],
  broadcast: [true, false],
  ipv6Only: [true, false],
  reuseAddress: [true, false],
  bindAddressNoPort: [true, false],
}
const NAMES = Object.keys(VALUES) as readonly SocketOptionName[]
/** Off on every new socket of TCP. */
const PROBES = ['noDelay', 'keepAlive', 'reuseAddress'] as const
const word = new Uint8Array(4)
const { EINVAL, EISCONN, ENOPROTOOPT, EOPNOTSUPP } = errno

export function applyOption(
  backend: Backend,
  handle: Handle,
  model: SocketModel,
  choice: number,
  other: number,
): void {
  const names = choice < 128 ? PROBES : NAMES
  const name = names[choice % names.length]
  const value = name === undefined ? undefined : VALUES[name]?.[other & 1 ? 1 : 0]
  if (name === undefined || value === undefined || backend.setOption === undefined) return
  const result = backend.setOption(handle, name, value)
  model.hasOptions = true
  const applies = appliesTo(name, { family: model.family, type: 'stream' })
  if (!applies || !backend.capabilities.options.includes(name)) {
    assert.equal(result, -ENOPROTOOPT, `${model}: ${name}`)
  } else if (!backend.capabilities.kernelSockets && result === -ENOPROTOOPT) {
    // Its list is of all that its streams and datagrams take together.
  } else if (model.phase === 'fresh' && model.bound === undefined) {
    assert.equal(result, 0, `${model}: ${name}`)
  } else {
    // Some come too late: on a socket that is bound, has a peer, or has had one.
    assert.ok([0, -EINVAL, -EISCONN, -EOPNOTSUPP].includes(result), `${model}: ${name}: ${result}`)
  }
}

/** One on which nothing was set has what the kernel gives to new sockets, wherever the backend took it from. */
export function assertUntouched(backend: Backend, handle: Handle, model: SocketModel): void {
  const { kernel } = backend
  const { family } = model
  if (kernel === undefined || family === 'unix' || model.hasOptions) return
  for (const name of PROBES) {
    const { level, option } = optionNumbers({ family, type: 'stream' }, name)
    assert.equal(kernel.getOption(handle, level, option, word), word.length, `${model}: ${name}`)
    const isSet = word.some((byte) => byte !== 0)
    assert.ok(!isSet, `${model}: ${name} is set, and nobody did that`)
  }
}
