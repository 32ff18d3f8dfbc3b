/** A server on a simulated network, a reactor that reaches it, and time by hand; looked over at the end of each test. */
import { errno } from '@pollout/core'
import {
  type ManualClock,
  manualClock,
  type SimulatedPeerEnd,
  simulatedNetwork,
} from '@pollout/testing'
import { expect, onTestFinished } from 'vitest'
import { createReactor, type Reactor } from '../src/reactor.js'
import { microtasks } from './harness.js'

export const URI = 'tcp://192.0.2.1:80'

export class Server {
  /** What the next handshakes answer: 0 to accept, a negated errno; undefined for silence. */
  status: number | undefined = 0
  /** The time of each connect, in milliseconds. */
  readonly connects: number[] = []
  /** Accepted connections, in order. */
  readonly ends: SimulatedPeerEnd[] = []
  /** How those who connected have left, in the order of their leaving: the number of the connection, and how. */
  readonly left: string[] = []
  readonly heard: string[] = []
  /** What it does with a new connection. */
  greet: (end: SimulatedPeerEnd) => void = () => {}
}

export interface ServerStage {
  readonly clock: ManualClock
  readonly reactor: Reactor
  readonly server: Server
  /** Lets `ms` pass, and promises settle before and after each step of the loop. */
  pass(ms?: number): Promise<void>
}

export function serverStage({ latencyMs = 0 }: { latencyMs?: number } = {}): ServerStage {
  const clock = manualClock()
  const server = new Server()
  const network = simulatedNetwork({ clock }).listen(
    { family: 'inet', address: '192.0.2.1', port: 80 },
    {
      latencyMs,
      connect: () => {
        server.connects.push(clock.now())
        return -errno.EINPROGRESS
      },
      handshake: () => server.status,
      accept: (end) => {
        const number = server.ends.push(end) - 1
        server.greet(end)
        return {
          data: (chunk) => void server.heard.push(`${number}: ${chunk}`),
          end: () => {
            server.left.push(`${number}: end`)
            end.end()
          },
          reset: () => void server.left.push(`${number}: reset`),
        }
      },
    },
  )
  const reactor = createReactor({ clock, backend: network.backend() })
  onTestFinished(async () => {
    const before = reactor.stats()
    await reactor.destroy()
    clock.settle()
    expect(clock.pendingTimers).toBe(0)
    const { inFlight, open, registrations, deadlines, queued } = reactor.stats()
    expect([inFlight, open, registrations, deadlines, queued]).toEqual([0, 0, 0, 0, 0])
    expect(before.registrations).toBe(0)
  })
  const pass = async (ms = 0): Promise<void> => {
    const rest = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        await microtasks()
        clock.settle()
      }
    }
    await rest()
    clock.advance(ms)
    await rest()
  }
  return { clock, reactor, server, pass }
}
