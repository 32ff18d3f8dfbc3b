/** The options of `pollout fanout`: as the parser hands them over, and as they are checked against each other. */
import { randomBytes } from 'node:crypto'
import type { BackendName } from '../../choose-backend.js'
import type { FanoutKind } from '../../outcomes/outcome-row.js'
import { type Shard, WHOLE } from '../../targets/order.js'
import type { PortList } from '../../targets/ports.js'
import { UsageError } from '../common/exit-codes.js'
import type { ResolverChoice } from '../common/resolver.js'
import type { Expectation } from './expect/expectation.js'
import type { FormatName } from './formats.js'
import type { ProbeOptions } from './probe.js'

/** What commander makes of the command line. */
export interface FanoutCommandOptions {
  readonly backend: BackendName
  readonly threads?: number
  readonly resolver?: ResolverChoice
  readonly list?: readonly string[]
  readonly ports?: PortList
  readonly exclude?: readonly string[]
  readonly excludeFile?: readonly string[]
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  readonly publicOnly?: boolean
  readonly shuffle: boolean
  readonly seed?: string
  readonly shard?: Shard
  readonly stream?: boolean
  readonly concurrency: number
  readonly adaptive?: boolean
  readonly maxPerHost?: number
  readonly maxPerPrefix?: number
  readonly rate: number
  readonly timeoutMs: number
  readonly retries: number
  readonly retryOn: readonly FanoutKind[]
  readonly maxHostErrors?: number
  readonly tls?: boolean
  readonly sni?: string
  readonly send?: Uint8Array
  readonly expect?: Expectation
  /** True: as many bytes as is usual. */
  readonly banner?: number | true
  readonly tlsTimeoutMs: number
  readonly answerTimeoutMs: number
  readonly json?: boolean
  readonly csv?: boolean
  readonly output?: string
  readonly only?: readonly FanoutKind[]
  readonly checkpoint?: string
  readonly resume?: boolean
  readonly report?: string
  readonly progress?: boolean
  readonly silent?: boolean
}

/** For people: what there is to see, and their own mistakes. All else is in the summary. */
const ONLY_IN_TABLES: readonly FanoutKind[] = ['connected', 'probe-failed', 'invalid']

/** Throws UsageError for options that do not go together. */
export function checkFanoutOptions(options: FanoutCommandOptions): void {
  const { stream, shard, checkpoint, resume, output, sni, tls } = options
  const wrong = [
    [options.json && options.csv, '--json and --csv are two formats; choose one'],
    [stream && shard, '--shard needs the whole list; leave --stream out'],
    [stream && options.seed !== undefined, '--seed needs the whole list; leave --stream out'],
    [stream && checkpoint !== undefined, '--checkpoint needs the whole list; leave --stream out'],
    [stream && (options.list?.length ?? 0) > 1, '--stream takes one list'],
    [
      !options.shuffle && options.seed !== undefined,
      '--seed is for the order that --no-shuffle forgoes',
    ],
    [
      resume && checkpoint === undefined,
      '--resume needs --checkpoint <file>, the one of the run to go on with',
    ],
    [
      checkpoint !== undefined && (output === undefined || output === '-'),
      '--checkpoint needs -o <file>: what has gone into a pipe or a terminal could not be taken back',
    ],
    [sni !== undefined && !tls, '--sni needs --tls'],
  ] as const
  const message = wrong.find(([isWrong]) => isWrong)?.[1]
  if (message !== undefined) throw new UsageError(message)
}

export function formatOf({ json, csv }: FanoutCommandOptions): FormatName {
  if (json) return 'json'
  return csv ? 'csv' : 'table'
}

/** The kinds that are shown; undefined for all. */
export function shownKinds(options: FanoutCommandOptions): readonly FanoutKind[] | undefined {
  return options.only ?? (formatOf(options) === 'table' ? ONLY_IN_TABLES : undefined)
}

/** Undefined where nothing is asked for on a connection. */
export function probeOf(options: FanoutCommandOptions): ProbeOptions | undefined {
  const { tls = false, sni, send, expect, banner, tlsTimeoutMs, answerTimeoutMs } = options
  if (!tls && [send, expect, banner].every((step) => step === undefined)) return undefined
  const bannerBytes = banner === true ? DEFAULT_BANNER_BYTES : banner
  return { tls, sni, send, expect, bannerBytes, tlsTimeoutMs, answerTimeoutMs }
}

const DEFAULT_BANNER_BYTES = 1_024

/** Undefined: in the order of the list. */
export function seedOf({ shuffle, stream, seed }: FanoutCommandOptions): string | undefined {
  return shuffle && !stream ? (seed ?? randomBytes(4).toString('hex')) : undefined
}

/**
 * What a run must have in common with the one it goes on with, by the names that it is refused with: which targets there
 * are, which of them are this run's or may be connected to, and what their lines say. How fast and how patiently they are tried may change.
 */
export function settingsOf(
  options: FanoutCommandOptions,
  digests: { readonly targets: string; readonly exclusions: string },
): Record<string, string> {
  const { number, count } = options.shard ?? WHOLE
  const { send, expect, banner, tls, sni } = options
  return {
    'the targets': digests.targets,
    '-p': String(options.ports ?? ''),
    'what is excluded': digests.exclusions,
    '--allow': sorted(options.allow),
    '--deny': sorted(options.deny),
    '--public-only': String(options.publicOnly ?? false),
    '--shard': `${number}/${count}`,
    '--no-shuffle': String(!options.shuffle),
    'the format': formatOf(options),
    '--only': String(options.only ?? ''),
    'the probe': JSON.stringify([
      tls,
      sni,
      send && Buffer.from(send).toString('hex'),
      expect?.text,
      banner,
    ]),
  }
}

function sorted(blocks: readonly string[] = []): string {
  return [...blocks].sort().join(',')
}
