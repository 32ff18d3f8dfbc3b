/** The attempt's state machine: every state with every event, the illegal pairs included. */
import { describe, expect, it } from 'vitest'
import {
  type AttemptEvent,
  type AttemptState,
  isSettled,
  TRANSITIONS,
  transition,
} from '../src/connect/attempt-machine.js'

const STATES: readonly AttemptState[] = [
  'idle',
  'opening',
  'configuring',
  'connecting',
  'pending',
  'waiting',
  'finishing',
  'connected',
  'failed',
  'cancelled',
]
const EVENTS: readonly AttemptEvent[] = [
  'start',
  'adopted',
  'opened',
  'configured',
  'started',
  'notDue',
  'backlogFull',
  'retryDue',
  'sourceExhausted',
  'ready',
  'established',
  'spurious',
  'selfConnected',
  'failed',
  'deadline',
  'cancel',
]

/** Written out a second time on purpose: state, event, next state, action. */
const LEGAL: readonly (readonly [AttemptState, AttemptEvent, AttemptState, string])[] = [
  ['idle', 'start', 'opening', 'open'],
  ['idle', 'adopted', 'finishing', 'finish'],
  ['idle', 'cancel', 'cancelled', 'abandon'],
  ['opening', 'opened', 'configuring', 'configure'],
  ['opening', 'failed', 'failed', 'fail'],
  ['opening', 'cancel', 'cancelled', 'abandon'],
  ['configuring', 'configured', 'connecting', 'connect'],
  ['configuring', 'failed', 'failed', 'fail'],
  ['connecting', 'started', 'pending', 'register'],
  ['connecting', 'notDue', 'waiting', 'queue'],
  ['connecting', 'backlogFull', 'waiting', 'wait'],
  ['connecting', 'sourceExhausted', 'opening', 'reopen'],
  ['connecting', 'failed', 'failed', 'fail'],
  ['connecting', 'cancel', 'cancelled', 'abandon'],
  ['pending', 'ready', 'finishing', 'finish'],
  ['pending', 'failed', 'failed', 'fail'],
  ['pending', 'deadline', 'failed', 'fail'],
  ['pending', 'cancel', 'cancelled', 'abandon'],
  ['waiting', 'retryDue', 'connecting', 'connect'],
  ['waiting', 'deadline', 'failed', 'fail'],
  ['waiting', 'cancel', 'cancelled', 'abandon'],
  ['finishing', 'established', 'connected', 'deliver'],
  ['finishing', 'spurious', 'pending', 'register'],
  ['finishing', 'selfConnected', 'opening', 'reopen'],
  ['finishing', 'backlogFull', 'waiting', 'wait'],
  ['finishing', 'sourceExhausted', 'opening', 'reopen'],
  ['finishing', 'failed', 'failed', 'fail'],
]

const key = (state: AttemptState, event: AttemptEvent) => `${state} ${event}`
const legal = new Set(LEGAL.map(([state, event]) => key(state, event)))
const illegal = STATES.flatMap((state) =>
  EVENTS.filter((event) => !legal.has(key(state, event))).map((event) => [state, event] as const),
)

describe('transition()', () => {
  it.each(LEGAL)('%s, %s: to %s, and %s', (state, event, to, action) => {
    expect(transition(state, event)).toEqual({ to, action })
  })

  it.each(illegal)('%s, %s: throws', (state, event) => {
    expect(() => transition(state, event)).toThrow(
      `no transition for "${event}" in state "${state}"`,
    )
  })

  it('covers every pair, and no other state or event exists', () => {
    expect(LEGAL.length + illegal.length).toBe(STATES.length * EVENTS.length)
    expect(Object.keys(TRANSITIONS)).toEqual(STATES)
    const events = Object.values(TRANSITIONS).flatMap((row) => Object.keys(row))
    expect(new Set(events)).toEqual(new Set(EVENTS))
  })

  it('leaves settled states never', () => {
    for (const state of STATES) {
      expect(isSettled(state)).toBe(Object.keys(TRANSITIONS[state]).length === 0)
    }
  })
})
