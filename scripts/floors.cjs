/**
 * The floors of core and of pollout, from the ground up, for the rules of imports and for core's picture: a room (a folder of
 * a package's src, or a file there) may import from the floors below it, and from no other. Rooms on one floor know nothing
 * of each other.
 */
const core = [
  ['base'],
  ['backend'],
  ['endpoint'],
  ['errors'],
  ['diagnostics', 'reactor'],
  ['names', 'policy'],
  ['outbound'],
  ['socket'],
  ['link'],
  ['tls'],
  ['connection'],
  ['connect'],
  ['exchanges', 'fan-out', 'pool', 'session'],
  ['reactor.ts'],
  ['index.ts', 'internal.ts', 'moved'],
]

const load = [
  ['request', 'response'],
  ['plan', 'measure'],
  ['progress.ts'],
  ['options.ts'],
  ['lane'],
  ['run.ts'],
  ['quantiles.ts'],
  ['validity.ts'],
  ['result.ts'],
  ['thresholds.ts', 'load.ts'],
  ['index.ts'],
]

const pollout = [
  ['backend-report.ts', 'choose-backend.ts'],
  ['create-reactor.ts'],
  ['index.ts'],
  ['targets'],
  ['outcomes'],
  ['html-report'],
  ['cli'],
  ['cli.ts'],
]

module.exports = { core, load, pollout }
