/** The script of a report's page: draws its three charts, in the page's own colours, as wide as there is room. */
import uPlot, { type AlignedData, type Options } from 'uplot'
import type { ReportData } from '../src/html-report/report-data.js'

const HEIGHT = 260
// Optional in its types, as a build of it may leave it out.
const { bars } = uPlot.paths as Required<typeof uPlot.paths>

function draw(): void {
  const { rate, latency } = JSON.parse(byId('data').textContent ?? '') as ReportData
  drawRate(rate)
  if (latency) {
    drawHistogram(latency.bins)
    drawCurve(latency.curve)
  }
}

function drawRate({ binMs, kinds }: ReportData['rate']): void {
  // The run ended somewhere in the last one, which says too little for that.
  const bins = Math.max(1, (kinds[0]?.counts.length ?? 0) - 1)
  const seconds = Array.from({ length: bins }, (_, bin) => (bin * binMs) / 1_000)
  const perSecond = kinds.map(({ counts }) =>
    counts.slice(0, bins).map((count) => (count * 1_000) / binMs),
  )
  chart('rate', [seconds, ...perSecond], {
    scales: { x: { time: false } },
    series: [
      { label: 'seconds' },
      ...kinds.map(({ kind }) => ({
        label: `${kind}/s`,
        stroke: colour(`--${kind}`),
        width: 2,
        points: { show: bins < 2 },
      })),
    ],
    axes: [axis((value) => `${value} s`), axis((value) => value.toLocaleString('en-US'))],
  })
}

function drawHistogram(bins: NonNullable<ReportData['latency']>['bins']): void {
  const positions = bins.map(({ fromMs }) => Math.log10(fromMs))
  chart('histogram', [positions, bins.map(({ count }) => count)], {
    scales: { x: { time: false, range: padded } },
    series: [
      { label: 'from', value: (_, value) => (value === null ? '' : duration(10 ** value)) },
      {
        label: 'connects',
        fill: colour('--connected'),
        points: { show: false },
        paths: bars({ size: [0.9, 60], align: 1 }),
      },
    ],
    axes: [
      { ...axis((value) => duration(10 ** value)), incrs: [1, 2, 3] },
      axis((value) => value.toLocaleString('en-US')),
    ],
  })
}

function drawCurve(curve: NonNullable<ReportData['latency']>['curve']): void {
  // Each further nine as wide as the one before; 100 % would be infinitely far away and stands at the end.
  const nines = curve.map(({ percentile }) => -Math.log10(1 - percentile / 100))
  const step = nines[1] ?? 1
  const positions = nines.map((nine, index) => (Number.isFinite(nine) ? nine : index * step))
  chart('curve', [positions, curve.map(({ ms }) => ms)], {
    scales: { x: { time: false } },
    series: [
      { label: 'percentile', value: (_, value) => (value === null ? '' : percent(value)) },
      {
        label: 'took at most',
        stroke: colour('--connected'),
        width: 2,
        value: (_, ms) => (ms === null ? '' : duration(ms)),
      },
    ],
    axes: [{ ...axis(percent), incrs: [1] }, axis(duration)],
  })
}

function padded(_: uPlot, least: number, most: number): [number, number] {
  return [least - 0.05, most + 0.15]
}

function percent(nines: number): string {
  if (nines === 0) return '0 %'
  return `${(100 * (1 - 10 ** -nines)).toFixed(Math.max(0, Math.ceil(nines) - 2))} %`
}

function duration(ms: number): string {
  if (ms === 0) return '0'
  if (ms < 1) return `${round(ms * 1_000)} µs`
  return ms < 1_000 ? `${round(ms)} ms` : `${round(ms / 1_000)} s`
}

function round(value: number): string {
  return String(Number(value.toPrecision(3)))
}

function axis(text: (value: number) => string): uPlot.Axis {
  return {
    stroke: colour('--text'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1 },
    size: 64,
    values: (_, values) => values.map(text),
  }
}

function chart(
  id: string,
  data: number[][],
  options: Pick<Options, 'scales' | 'series' | 'axes'>,
): void {
  const place = byId(id)
  const plot = new uPlot(
    { ...options, width: place.clientWidth, height: HEIGHT },
    data as unknown as AlignedData,
    place,
  )
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT })).observe(
    place,
  )
}

/** As the canvas understands it: the property itself is only text, with `light-dark()` in it. */
function colour(name: string): string {
  const sample = document.body.appendChild(document.createElement('span'))
  sample.style.color = `var(${name}, var(--other))`
  const resolved = getComputedStyle(sample).color
  sample.remove()
  return resolved
}

function byId(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`the page has no element "${id}"`)
  return element
}

draw()
