/** Bare node:net, as fast as it goes, and its user's own code for what it has not: a limit in flight, a pace. */
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import type { Api, ListRun, PacedRun, Run } from './api.js'
import type { Address, Tally } from './job.js'
import { countFailure, keepInFlight, newTally, pick } from './tally.js'

export const nodeNetApi: Api = {
  run({ addresses, count, inFlight, kept, ...run }) {
    const options = addresses.map(optionsFor)
    const times = run.byHand ?? run.latencies
    const settled = kept ? (socket: Socket) => void kept.push(socket) : reset
    return runMany(count, inFlight, (index) => pick(options, index), settled, times)
  },
  runList: ({ addressOf, count, inFlight }: ListRun) =>
    runMany(count, inFlight, (index) => optionsFor(addressOf(index)), reset),
  runPaced,
  hang(addresses, count) {
    const options = addresses.map(optionsFor)
    const sockets = Array.from({ length: count }, (_, i) => connect(pick(options, i)))
    return () => {
      for (const socket of sockets) socket.destroy()
    }
  },
  end: async () => {},
}

function optionsFor(address: Address): TcpNetConnectOpts {
  return { ...address, autoSelectFamily: false }
}

function reset(socket: Socket): void {
  socket.resetAndDestroy()
}

/** Listeners are shared and told apart by `this`, so a connect allocates nothing but its socket. */
function runMany(
  count: number,
  inFlight: number,
  optionsOf: (index: number) => TcpNetConnectOpts,
  settled: (socket: Socket) => void,
  times?: Run['latencies'],
): Promise<Tally> {
  return keepInFlight(count, inFlight, (tally, next) => {
    const startedAt = new Map<Socket, number>()
    function connected(this: Socket) {
      tally.connected++
      if (times) times.push(performance.now() - (startedAt.get(this) ?? Number.NaN))
      settled(this)
      next()
    }
    function failed(error: NodeJS.ErrnoException) {
      countFailure(tally, error.code)
      next()
    }
    return (index) => {
      const now = times && performance.now()
      const socket = connect(optionsOf(index))
      if (now !== undefined) startedAt.set(socket, now)
      socket.on('connect', connected).on('error', failed)
    }
  })
}

/** As `connectMany()` has it where nothing is said. */
const MOST_IN_FLIGHT = 1_000

/** What one writes by hand: a timer of 1 ms, which starts as many as are due by the clock, and a limit in flight. */
function runPaced(
  { addresses, count, rate, longestMs }: PacedRun,
  startedAt: number[],
): Promise<Tally> {
  const options = addresses.map(optionsFor)
  const tally = newTally()
  return new Promise((resolve) => {
    const firstAt = performance.now()
    let ended = 0
    let isOver = false
    const begin = () => {
      startedAt.push(performance.now())
      connect(pick(options, startedAt.length)).on('connect', connected).on('error', failed)
    }
    const beginDue = () => {
      const elapsedMs = performance.now() - firstAt
      const due = Math.min(count, 1 + (elapsedMs / 1_000) * rate)
      while (startedAt.length + 1 <= due && startedAt.length - ended < MOST_IN_FLIGHT) begin()
      isOver = startedAt.length === count || elapsedMs > longestMs
      if (isOver) clearInterval(timer)
      endWhenOver()
    }
    const endWhenOver = () => {
      if (isOver && ended === startedAt.length) resolve(tally)
    }
    const next = () => {
      ended++
      endWhenOver()
    }
    function connected(this: Socket) {
      tally.connected++
      this.resetAndDestroy()
      next()
    }
    function failed(error: NodeJS.ErrnoException) {
      countFailure(tally, error.code)
      next()
    }
    const timer = setInterval(beginDue, 1)
    beginDue()
  })
}
