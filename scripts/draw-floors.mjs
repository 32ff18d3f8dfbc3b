/**
 * Draws docs/floors.svg: which room of core imports which, and how often. Whatever follows from other arrows is left out.
 *
 * With `--check` it writes nothing, and fails where the picture is not what it would draw. `node scripts/draw-floors.mjs
 * --numbers` prints what is counted: rooms, arrows, imports, and those that run up.
 */
import { createRequire } from 'node:module'
import { instance } from '@viz-js/viz'
import { cruise } from 'dependency-cruiser'
import { generated } from './generated.mjs'
import { root } from './packages.mjs'

const require = createRequire(import.meta.url)
const { core: FLOORS } = require('./floors.cjs')
const { options } = require('../.dependency-cruiser.cjs')
const PLACE = 'docs/floors.svg'
const SOURCES = 'packages/core/src/'
/** The entry points, which import everything there is. */
const drawn = FLOORS.slice(0, -1)

const { output } = await cruise([SOURCES], { ...options, baseDir: root })
const arrows = countArrows(output.modules)
if (process.argv.includes('--numbers')) {
  const up = arrows.filter(({ from, to }) => floorOf(to) >= floorOf(from))
  const imports = arrows.reduce((sum, { count }) => sum + count, 0)
  console.log(`${drawn.flat().length} rooms, ${arrows.length} arrows of ${imports} imports`)
  console.log(
    `${up.length} arrows run up: ${up.map(({ from, to }) => `${from} -> ${to}`).join(', ')}`,
  )
} else {
  const viz = await instance()
  generated(PLACE, `${viz.renderString(graph(), { format: 'svg' }).trim()}\n`)
}

function countArrows(modules) {
  const counts = new Map()
  for (const { source, dependencies } of modules) {
    for (const { resolved } of dependencies) {
      const [from, to] = [roomOf(source), roomOf(resolved)]
      if (from === undefined || to === undefined || from === to) continue
      counts.set(`${from} ${to}`, (counts.get(`${from} ${to}`) ?? 0) + 1)
    }
  }
  return [...counts].sort().map(([key, count]) => {
    const [from, to] = key.split(' ')
    return { from, to, count }
  })
}

function roomOf(path) {
  if (!path.startsWith(SOURCES)) return undefined
  const [room] = path.slice(SOURCES.length).split('/')
  if (!FLOORS.flat().includes(room)) throw new Error(`${path} is on no floor: scripts/floors.cjs`)
  return drawn.flat().includes(room) ? room : undefined
}

function floorOf(room) {
  return drawn.findIndex((rooms) => rooms.includes(room))
}

/** In the language of Graphviz; rooms of one floor beside each other. */
function graph() {
  const floors = drawn.toReversed().map((rooms) => `{ rank=same; ${rooms.map(quote).join('; ')} }`)
  const lines = arrows
    .filter((arrow) => !followsFromOthers(arrow))
    .map(({ from, to, count }) => `${quote(from)} -> ${quote(to)} [label="${count}"]`)
  return `digraph {
    bgcolor="transparent"; ranksep=0.3
    node [shape=box, style="filled,rounded", fillcolor="#eef4fb", color="#5b7fa6", fontname="sans-serif", margin="0.2,0.05"]
    edge [color="#5b7fa6", fontname="sans-serif", fontsize=10, fontcolor="#5b7fa6"]
    ${[...floors, ...lines].join('\n    ')}
  }`
}

function followsFromOthers({ from, to }) {
  return arrows.some((one) => one.from === from && one.to !== to && leadsTo(one.to, to))
}

/** Down only: a circle has no way from a floor to itself. */
function leadsTo(from, to) {
  const below = arrows.filter((one) => one.from === from && floorOf(one.to) < floorOf(from))
  return below.some((one) => one.to === to || leadsTo(one.to, to))
}

function quote(text) {
  return `"${text}"`
}
