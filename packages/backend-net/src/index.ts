/** The portable backend: sockets of `node:net` and `node:dgram`, their readiness synthesized from events. */
export { netBackend } from './net-backend.js'
