/** Real servers for tests: what to start, and starting it. */
export { makeCertificate } from './certificate.js'
export {
  mailServer,
  mariadb,
  memcached,
  mosquitto,
  nginx,
  postgresql,
  redis,
  sshd,
} from './plans.js'
export { unusedPort } from './ports.js'
export { type RealServer, type ServerPlan, startServer } from './server.js'
