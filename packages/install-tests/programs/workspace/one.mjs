/** A package of a workspace that hands a reactor on. */
export { createReactor, Reactor } from 'pollout'
