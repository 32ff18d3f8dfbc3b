/** The portable backend: sockets of `node:net`, their readiness synthesized from stream events. */
export { netBackend } from './net-backend.js'
