/** Who may import what: the rules of docs/architecture.md, checked by `pnpm run check`. */

// biome-ignore lint/correctness/useImportExtensions: it is no module
const { core, load, pollout } = require('./scripts/floors.cjs')

/** A rule for each room: nothing from its own floor, but itself, nor from above. */
function upwards(name, floors) {
  const root = `packages/${name}/src`
  const known = floors.flat().map(patternOf).join('|')
  const homeless = {
    name: `${name}-has-floors-for-all`,
    comment: 'scripts/floors.cjs says where a new folder stands.',
    severity: 'error',
    from: { path: `^${root}/`, pathNot: `^${root}/(${known})` },
    to: {},
  }
  // One that imports nothing is seen by who imports it.
  const unknown = {
    ...homeless,
    name: `${name}-imports-from-its-floors`,
    from: { path: `^packages/${name}/` },
    to: { path: `^${root}/`, pathNot: `^${root}/(${known})` },
  }
  const rules = floors.flatMap((rooms, floor) =>
    rooms.flatMap((room) => {
      const above = floors.slice(floor).flat()
      const others = above.filter((other) => other !== room).map(patternOf)
      if (others.length === 0) return []
      return {
        name: `${name}-${room}-looks-down`,
        severity: 'error',
        from: { path: `^${root}/(${patternOf(room)})` },
        to: { path: `^${root}/(${others.join('|')})` },
      }
    }),
  )
  return [homeless, unknown, ...rules]
}

const patternOf = (room) => (room.includes('.') ? `${room.replace('.', '[.]')}$` : `${room}/`)

// The files of core that hand out observables. All others work without RxJS, so that they can be read and tested without it.
const OBSERVABLE_FACING = [
  '^packages/core/src/index[.]ts$',
  '^packages/core/src/connect/adopt[.]ts$',
  '^packages/core/src/connect/connect[.]ts$',
  '^packages/core/src/connect/connect-duplex[.]ts$',
  '^packages/core/src/fan-out/(connect-many|connect-batches|observe)[.]ts$',
  '^packages/core/src/connection/connection[.]ts$',
  '^packages/core/src/reactor[.]ts$',
  '^packages/core/src/base/rxjs[.]ts$',
  '^packages/core/src/session/reconnect-state[.]ts$',
  '^packages/core/src/session/reconnecting[.]ts$',
  '^packages/core/src/session/session[.]ts$',
  '^packages/core/src/socket/socket-readiness[.]ts$',
  '^packages/core/src/fan-out/target-source[.]ts$', // targets may come as an observable
]

// `node:net` would bypass the reactor, so it stands only where it is the point.
const MAY_USE_NODE_NET = [
  '^packages/backend-net/',
  '^packages/core/src/backend/address[.]ts$', // isIP and its kin only: they parse, they open nothing
  '^packages/core/src/connection/hand-over[.]ts$', // a connection given to Node's own sockets
  '^packages/conformance/', // real servers to connect to
  '^packages/pollout/src/cli/fanout/file-lock[.]ts$', // a listening socket is the lock
  '^packages/pollout/src/cli/doctor-command[.]ts$', // listens for a connect of its own
  '^packages/[^/]+/(test|scripts)/',
  '^packages/(examples|bench|demo|install-tests|kernel-tests|test-servers)/',
]

// Node's streams stand where a face of them is.
const MAY_USE_NODE_STREAM = [
  '^packages/core/src/connection/socket-likeness[.]ts$',
  '^packages/core/src/tls/',
  '^packages/conformance/',
  '^packages/backend-net/',
  '^packages/[^/]+/test/',
  '^packages/(examples|bench|demo|kernel-tests|adapters|pollout)/',
]

// TLS is one part of core, and of what tests it.
const MAY_USE_NODE_TLS = [
  '^packages/core/src/tls/',
  '^packages/conformance/',
  '^packages/[^/]+/test/',
  '^packages/(examples|bench|demo|kernel-tests|adapters)/',
]

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'core-stands-alone',
      comment: 'Core knows backends by their interface only.',
      severity: 'error',
      // Its old import paths lead to what were parts of it; its tests use the test kit.
      from: { path: '^packages/core/', pathNot: '^packages/core/(test|src/moved)/' },
      to: { path: ['^packages/(?!core/)', '^@?pollout'], pathNot: '^@pollout/core' },
    },
    ...upwards('core', core),
    ...upwards('load', load),
    ...upwards('pollout', pollout),
    {
      name: 'testing-uses-core-only',
      severity: 'error',
      from: { path: '^packages/testing/' },
      to: { path: '^packages/', pathNot: '^packages/(core|testing)/' },
    },
    {
      name: 'conformance-uses-core-and-testing-only',
      severity: 'error',
      from: { path: '^packages/conformance/' },
      to: { path: '^packages/', pathNot: '^packages/(core|testing|conformance)/' },
    },
    {
      name: 'what-is-internal-is-for-few',
      comment:
        'What core shares with packages of this repository that are versioned with it, and nobody is promised.',
      severity: 'error',
      from: { pathNot: '^packages/(core|testing|conformance|load)/' },
      to: { path: '^packages/core/src/internal[.]ts$' },
    },
    {
      name: 'suites-for-tests-only',
      severity: 'error',
      from: {
        path: '^packages/[^/]+/src/',
        pathNot: '^packages/(conformance|testing|kernel-tests|core/src/moved)',
      },
      // By their own names, and by those that core had for them.
      to: { path: '^packages/(conformance|testing|core/src/moved)/' },
    },
    {
      name: 'backend-uses-core-only',
      severity: 'error',
      from: { path: '^packages/(backend-[^/]+)/' },
      to: { path: '^packages/', pathNot: '^packages/(core|$1|test-servers|testing|conformance)/' },
    },
    {
      name: 'pollout-uses-core-and-backends-only',
      severity: 'error',
      from: { path: '^packages/pollout/' },
      to: {
        path: '^packages/',
        pathNot: '^packages/(core|backend-[^/]+|load|pollout|test-servers)/',
      },
    },
    {
      name: 'load-uses-core-and-framing-only',
      severity: 'error',
      from: { path: '^packages/load/src/' },
      to: { path: '^packages/', pathNot: '^packages/(core|framing|load)/' },
    },
    {
      name: 'test-servers-for-tests-only',
      severity: 'error',
      from: { pathNot: '^packages/([^/]+/test|test-servers)/' },
      to: { path: '^packages/test-servers/' },
    },
    {
      name: 'packages-by-name',
      comment: 'Another package is imported by its name and exports, not by a path into it.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/', pathNot: '^packages/$1/', dependencyTypes: ['local'] },
    },
    {
      name: 'framing-stands-alone',
      severity: 'error',
      from: { path: '^packages/framing/src/' },
      to: { path: '^packages/', pathNot: '^packages/framing/src/' },
    },
    {
      name: 'source-of-source-only',
      comment:
        'What stands beside sources, or is made of them, is no way around the rules for them.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: {
        path: '^(packages|scripts)/',
        pathNot: ['^packages/[^/]+/src/', '^packages/[^/]+/package[.]json$', 'node_modules/'],
      },
    },
    {
      name: 'source-without-tests',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { path: '^packages/[^/]+/test/' },
    },
    {
      name: 'rxjs-where-observables-are',
      severity: 'error',
      from: { path: '^packages/(core|backend-[^/]+)/src/', pathNot: OBSERVABLE_FACING },
      to: { path: '(^|/)rxjs(/|$)' },
    },
    {
      name: 'node-net-where-it-is-the-point',
      severity: 'error',
      from: { path: '^packages/', pathNot: MAY_USE_NODE_NET },
      to: { path: '^(node:)?net$' },
    },
    {
      name: 'node-stream-where-a-face-of-it-is',
      severity: 'error',
      from: { path: '^packages/', pathNot: MAY_USE_NODE_STREAM },
      to: { path: '^(node:)?stream$' },
    },
    {
      name: 'node-tls-where-tls-is',
      severity: 'error',
      from: { path: '^packages/', pathNot: MAY_USE_NODE_TLS },
      to: { path: '^(node:)?tls$' },
    },
    {
      name: 'no-cycles',
      comment: 'Of types neither: who reads one file of a circle has to read them all.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'Imports nothing and nothing imports it.',
      severity: 'error',
      from: { orphan: true, path: '^packages/[^/]+/src/', pathNot: '[.]d[.]ts$' },
      to: {},
    },
    {
      name: 'all-is-found',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // What is made is seen where somebody imports it, and not looked into.
    doNotFollow: { path: ['node_modules', '^packages/[^/]+/(dist|build)/'] },
    // Copies, made when it is packed.
    exclude: { path: '^packages/core/docs/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    // As in tsconfig.base.json: packages are seen as their sources, so nothing has to be built first.
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'types', 'node', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
  },
}
