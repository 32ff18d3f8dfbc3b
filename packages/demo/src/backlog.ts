/** How many listeners a storm needs, so that none of its connects is dropped by the demo's own server. */

/** Connections that wait for accept(2) at one listener. Linux's own limit too, since 5.4: somaxconn in listen(2). */
export const BACKLOG = 4_096

const MOST_LISTENERS = 64

/**
 * A place for each, even where the server gets no turn on busy cores: a connect that its client has reset still holds its
 * place until it is accepted, and where all are taken the kernel drops SYNs, which come again a second later: too late for
 * most timeouts. Beyond 262,144 connects the server has to keep up.
 */
export function listenersFor(connects: number): number {
  return Math.min(Math.ceil(connects / BACKLOG), MOST_LISTENERS)
}
