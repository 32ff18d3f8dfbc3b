/** readiness() on a scripted backend: whose socket it is. */
import { Interest } from '@pollout/core'
import { expect, it } from 'vitest'
import { record, stage } from './harness.js'

it("readiness() of another reactor's socket throws at once, and touches nobody's registration", () => {
  const mine = stage()
  const other = stage()
  const socket = other.reactor.socket('inet')
  expect(() => mine.reactor.readiness(socket, Interest.WRITABLE)).toThrow(TypeError)
  expect(() => mine.reactor.readiness(socket, Interest.WRITABLE)).toThrow('another reactor')
  const waiting = record(other.reactor.readiness(socket, Interest.WRITABLE))
  other.script.deliverAll(other.script.sockets)
  expect(waiting.outcome).toBe('complete')
  expect(mine.script.sockets).toEqual([])
  socket.close()
})
