/** RFC 8305 as a table: what the state machine does next, without sockets and without time. */
import type { InetAddress } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import type { InetFamily } from '../src/backend/ip-text.js'
import { HappyEyeballs, type RaceStep } from '../src/connect/happy-eyeballs.js'

/** `6a`, `4b`: an address, its family first. */
function address(name: string): InetAddress {
  const family = name.startsWith('6') ? 'inet6' : 'inet'
  return { family, address: name, port: 80 }
}

type Event =
  | readonly ['answered', names: string, awaited?: InetFamily]
  | readonly ['delay']
  | readonly ['failed']
  | readonly ['exhausted', name: string]

function step(machine: HappyEyeballs, event: Event): RaceStep {
  switch (event[0]) {
    case 'answered':
      return machine.answered(event[1].split(' ').filter(Boolean).map(address), event[2])
    case 'delay':
      return machine.delayPassed()
    case 'failed':
      return machine.failed()
    case 'exhausted':
      return machine.exhausted(address(event[1]))
  }
}

function text(next: RaceStep): string {
  return next.kind === 'try' ? `try ${next.address.address}` : next.kind
}

const delay: Event = ['delay']
const failed: Event = ['failed']

const CASES: readonly (readonly [string, readonly (readonly [Event, string])[]])[] = [
  [
    'families take turns, the first address of the list first; within a family the order stays',
    [
      [['answered', '6a 6b 6c 4a 4b'], 'try 6a'],
      [delay, 'try 4a'],
      [delay, 'try 6b'],
      [failed, 'try 4b'],
      [failed, 'try 6c'],
      [delay, 'wait'],
      [failed, 'wait'],
      [failed, 'wait'],
      [failed, 'lose'],
    ],
  ],
  [
    'a list that begins with IPv4 was sorted so',
    [
      [['answered', '4a 4b 6a'], 'try 4a'],
      [failed, 'try 6a'],
      [failed, 'try 4b'],
      [failed, 'lose'],
    ],
  ],
  [
    'one family only',
    [
      [['answered', '4a 4b'], 'try 4a'],
      [delay, 'try 4b'],
      [failed, 'wait'],
      [failed, 'lose'],
    ],
  ],
  [
    'AAAA first: begun at once, A joins in turn',
    [
      [['answered', '6a 6b', 'inet'], 'try 6a'],
      [['answered', '4a'], 'wait'],
      [delay, 'try 4a'],
      [failed, 'try 6b'],
    ],
  ],
  [
    'A first, AAAA within the resolution delay: IPv6 first',
    [
      [['answered', '4a', 'inet6'], 'holdBack'],
      [['answered', '6a'], 'try 6a'],
      [delay, 'try 4a'],
    ],
  ],
  [
    'A first, no AAAA: begun as soon as that is known',
    [
      [['answered', '4a', 'inet6'], 'holdBack'],
      [['answered', ''], 'try 4a'],
      [failed, 'lose'],
    ],
  ],
  [
    'A first, AAAA after the resolution delay: it is next, and does not wait for more than the attempt delay',
    [
      [['answered', '4a 4b', 'inet6'], 'holdBack'],
      [delay, 'try 4a'],
      [['answered', '6a'], 'wait'],
      [delay, 'try 6a'],
      [delay, 'try 4b'],
    ],
  ],
  [
    'AAAA after all of A has failed: at once',
    [
      [['answered', '4a', 'inet6'], 'holdBack'],
      [delay, 'try 4a'],
      [failed, 'wait'],
      [['answered', '6a'], 'try 6a'],
      [failed, 'lose'],
    ],
  ],
  [
    'AAAA while the attempt delay has passed with nothing to try: at once',
    [
      [['answered', '4a', 'inet6'], 'holdBack'],
      [delay, 'try 4a'],
      [delay, 'wait'],
      [['answered', '6a'], 'try 6a'],
    ],
  ],
  [
    'no AAAA after all of A has failed: lost',
    [
      [['answered', '4a', 'inet6'], 'holdBack'],
      [delay, 'try 4a'],
      [failed, 'wait'],
      [['answered', ''], 'lose'],
    ],
  ],
  [
    'an address that was given twice is tried once',
    [
      [['answered', '6a 6a', 'inet'], 'try 6a'],
      [['answered', '4a 4a 6a'], 'wait'],
      [failed, 'try 4a'],
      [failed, 'lose'],
    ],
  ],
  [
    'exhaustion with another under way: the same address again when that has failed',
    [
      [['answered', '6a 4a 6b'], 'try 6a'],
      [delay, 'try 4a'],
      [['exhausted', '4a'], 'wait'],
      [failed, 'try 4a'],
      [failed, 'try 6b'],
    ],
  ],
  [
    'exhaustion with nothing under way: lost, whatever is left',
    [
      [['answered', '6a 4a'], 'try 6a'],
      [['exhausted', '6a'], 'lose'],
    ],
  ],
]

describe('Happy Eyeballs, step by step', () => {
  it.each(CASES)('%s', (_name, events) => {
    const machine = new HappyEyeballs()
    const done = events.map(([event]) => text(step(machine, event)))
    expect(done).toEqual(events.map(([, expected]) => expected))
  })

  it('knows whether there may be more to try', () => {
    const machine = new HappyEyeballs()
    step(machine, ['answered', '6a', 'inet'])
    expect(machine.hasMore).toBe(true)
    step(machine, ['answered', '4a'])
    expect(machine.hasMore).toBe(true)
    step(machine, delay)
    expect(machine.hasMore).toBe(false)
  })
})
