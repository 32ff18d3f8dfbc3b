/**
 * Writes docs/capabilities.md from the code: what each backend's `capabilities` say, core's table of options, and how other
 * runtimes did.
 *
 * With `--check` it writes nothing, and fails where the file is not what it would write. Needs the packages built.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { generated } from './generated.mjs'
import { root } from './packages.mjs'

/** What `net` can do grows with Node; the document is that of the oldest one supported. */
const NODE = 20

const PLACE = 'docs/capabilities.md'

const FLAGS = {
  abstractUnix: ['unix names in the abstract namespace', 'they are `ERR_UNSUPPORTED`'],
  kernelReadiness: [
    "readiness is the kernel's own",
    'it is synthesized: a fresh socket is not reported, and `unref()` does not release a connect in progress',
  ],
  immediateErrors: [
    'what the kernel knows at once (no route, no such path) is told by connect() itself',
    'it is told with readiness, a turn later',
  ],
  bind: [
    'local addresses and ports can be chosen: `localAddress`, `localPort`, `bind()`',
    'they are `ERR_UNSUPPORTED`',
  ],
  eventTimes: [
    'the times of a connect are taken when they happen',
    "they are taken when JavaScript gets to them, and hold the loop's delay too",
  ],
  kernelSockets: [
    'options by number, `tcpInfo()`, `adopt()`, `detach()`, `toNetSocket()`, `connectSync()`',
    'they are `ERR_UNSUPPORTED`',
  ],
}

const major = Number.parseInt(process.versions.node, 10)
if (major !== NODE || process.platform !== 'linux') {
  console.log(`note: ${PLACE} is generated with Node ${NODE} on Linux; not looked at here`)
  process.exit(0)
}

const core = await load('core/dist/index.js')
const { scriptedBackend } = await load('testing/dist/index.js')
const backends = {
  native: await capabilitiesOf('backend-native', 'nativeBackend'),
  net: await capabilitiesOf('backend-net', 'netBackend'),
  scripted: scriptedBackend().factory(silent()).capabilities,
}
if (backends.native === undefined) {
  console.log(`note: ${PLACE} is generated where the addon is; not looked at here`)
  process.exit(0)
}
const names = Object.keys(backends)
// With the width of all other prose.
const wanted = await format(document(), {
  ...(await resolveConfig(join(root, PLACE))),
  filepath: PLACE,
})
generated(PLACE, wanted)

function load(path) {
  return import(pathToFileURL(join(root, 'packages', path)).href)
}

/** Undefined where the backend can't be had on this machine. */
async function capabilitiesOf(name, factory) {
  const module = await load(`${name}/dist/index.js`)
  try {
    const backend = module[factory]()(silent())
    await backend.destroy()
    return backend.capabilities
  } catch {
    return undefined
  }
}

function silent() {
  return { ready() {}, broken() {} }
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length), 3))
  const pad = (row) => row.map((cell, i) => cell.padEnd(widths[i]))
  const rule = widths.map((width) => '-'.repeat(width))
  return [line(pad(head)), line(rule), ...rows.map((row) => line(pad(row)))].join('\n')
}

function yes(value) {
  return value ? '✔' : '–'
}

/** By which of the sockets that have it: a backend may take an option for one type of them only. */
function takenBy(backend, name) {
  const { sockets } = backends[backend]
  const types = new Set()
  const taking = new Set()
  for (const [family, opened] of Object.entries(sockets)) {
    for (const type of opened) {
      if (!core.appliesTo(name, { family, type })) continue
      types.add(type)
      if (!core.lacksOption(backends[backend], { family, type }, name)) taking.add(type)
    }
  }
  return taking.size > 0 && taking.size < types.size ? [...taking].join(', ') : yes(taking.size > 0)
}

function document() {
  const sockets = Object.keys(backends.native.sockets).map((family) => [
    `\`${family}\``,
    ...names.map((name) => backends[name].sockets[family].join(', ') || '–'),
  ])
  const flags = Object.entries(FLAGS).map(([flag, [means, without]]) => [
    `\`${flag}\``,
    ...names.map((name) => yes(backends[name][flag])),
    means,
    without,
  ])
  const options = core.SOCKET_OPTION_NAMES.map((name) => {
    const { kind, constant, inet6, families, types, beforeConnect, manual, summary } =
      core.SOCKET_OPTIONS[name]
    return [
      `\`${name}\``,
      valuesOf(kind),
      inet6 ? `${constant}, ${inet6.constant}` : constant,
      `${families.length === 4 ? 'all' : families.join(', ')}; ${types.length === 3 ? 'all' : types.join(', ')}`,
      beforeConnect ? 'before' : 'any time',
      takenBy('native', name),
      takenBy('net', name),
      manual,
      summary,
    ]
  })
  return `# What each backend can do

Generated from the code by \`scripts/generate-docs.mjs\` (\`pnpm run fix\`), with Node ${NODE} on Linux; CI fails when it is stale. What is missing
answers with \`ERR_UNSUPPORTED\`, never with silence. With Node 22 and later, \`net\` has \`abstractUnix\` too.

## Sockets

By address family. \`native\` opens all of these where the kernel has them; \`vsock\` is often left out of one.

${table(['family', ...names], sockets)}

## Capabilities

${table(['capability', ...names, 'means', 'without it'], flags)}

## Socket options

For \`connect()\`, \`connectMany()\`, \`session()\`, \`Socket.setOption()\` and \`Connection.setOption()\`. Any other one can be set by its numbers,
\`rawOptions\` and \`setRawOption()\`, where there is \`kernelSockets\`.

${table(['option', 'value', 'Linux', 'sockets', 'when', 'native', 'net', 'manual', 'effect'], options)}

## Other runtimes

The conformance suite on \`native\`, as installed, where it was last run (\`POLLOUT_INSTALL_MATRIX=all npx vitest run packages/install-tests/test/runtimes.test.ts\`).
On Bun and Deno, which have no libuv, a thread waits for the sockets ([record 64](decisions.md)); what is compared with Node's own \`net.Socket\` is skipped there.

${table(['runtime', 'passed', 'skipped', 'failed', 'which', 'by what'], runtimes())}
`
}

/** What packages/install-tests/test/runtimes.test.ts has written. */
function runtimes() {
  const file = join(root, 'packages/install-tests/conformance.json')
  const results = Object.entries(JSON.parse(readFileSync(file, 'utf8')))
  return results.map(([name, { version, passed, skipped, failures, why }]) => {
    // `native: conformance > TLS > a name`
    const parts = failures.map((failure) => failure.split(' > ')[1])
    const counted = [...new Set(parts)].map(
      (part) => `${part}: ${parts.filter((one) => one === part).length}`,
    )
    const which = counted.join('; ') || '–'
    return [`${name} (${version})`, `${passed}`, `${skipped}`, `${failures.length}`, which, why]
  })
}

function valuesOf(kind) {
  switch (kind.is) {
    case 'flag':
      return 'true, false'
    case 'number':
      return `${kind.low} to ${kind.high} ${kind.unit}`.trim()
    case 'linger':
      return 'seconds'
    case 'text':
      return `1 to ${kind.longest} bytes`
    case 'ports':
      return '[first, last]'
  }
}
