/**
 * The floors of core, from the ground up, for the rules of imports and for their picture: a room (a folder of packages/core/src,
 * or a file there) may import from the floors below it, and from no other. Rooms on one floor know nothing of each other.
 */
module.exports = [
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
  ['fan-out', 'pool', 'session'],
  ['reactor.ts'],
  ['index.ts', 'internal.ts', 'moved'],
]
