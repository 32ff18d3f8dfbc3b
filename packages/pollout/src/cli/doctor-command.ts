/** `pollout doctor`: the report on the backends, and a connect by the one that a reactor gets. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { tcp } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { type BackendReport, backendReport, IS_DENO } from '../backend-report.js'
import { createReactor } from '../create-reactor.js'
import { ExitCode, messageOf } from './common/exit-codes.js'
import { LineOutput } from './common/line-output.js'
import { Stop } from './common/stop.js'

export async function doctorCommand({ json }: { readonly json?: boolean }): Promise<ExitCode> {
  const report = backendReport()
  const tried = await whyNotConnected(report.backend)
  using stop = new Stop()
  const output = new LineOutput(process.stdout, stop)
  if (json) output.line(JSON.stringify({ ...nulls(report), tried: tried ?? null }))
  else for (const line of linesOf(report, tried)) output.line(line)
  await output.end()
  if (stop.exitCode !== undefined) return stop.exitCode
  return report.backend === 'native' && tried === undefined
    ? ExitCode.ALL_CONNECTED
    : ExitCode.SOME_FAILED
}

/** That it loads is not that it works. */
async function whyNotConnected(backend: BackendReport['backend']): Promise<string | undefined> {
  // Node 26 and Deno throw where nobody can catch it.
  if (!mayListen()) return `${IS_DENO ? 'Deno' : 'Node'} may not listen without --allow-net`
  await using server = createServer((peer) => peer.end())
  try {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    await using reactor = createReactor({ backend })
    const { port } = server.address() as AddressInfo
    await using connection = await firstValueFrom(reactor.connect(tcp('127.0.0.1', port)))
    await connection.close()
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** Older versions of Node have no such permission, and answer for it as if it were not given. */
function mayListen(): boolean {
  if (IS_DENO) {
    const { permissions } = (globalThis as unknown as { Deno: DenoPermissions }).Deno
    return permissions.querySync({ name: 'net', host: '127.0.0.1' }).state === 'granted'
  }
  if (!process.allowedNodeEnvironmentFlags.has('--allow-net')) return true
  return process.permission?.has('net') ?? true
}

function linesOf(report: BackendReport, tried: string | undefined): string[] {
  const { backend, reason, remedy, addon, runtime, platform, libc, kernel } = report
  const rows: [string, string | undefined][] = [
    ['backend', backend === 'native' ? 'native' : 'net: portable, and slower'],
    ['why', reason ?? `${addon} was loaded`],
    ['remedy', remedy],
    [
      'tried',
      tried === undefined
        ? 'it connects'
        : `${mayListen() ? 'it does not connect' : 'not'}: ${tried}`,
    ],
    ['here', [runtime, platform, libc, `kernel ${kernel}`].filter(Boolean).join(', ')],
  ]
  return rows.flatMap(([name, value]) => (value === undefined ? [] : `${name.padEnd(9)}${value}`))
}

interface DenoPermissions {
  readonly permissions: {
    querySync(one: { readonly name: 'net'; readonly host: string }): { readonly state: string }
  }
}

const nulls = (report: BackendReport) =>
  Object.fromEntries(Object.entries(report).map(([name, value]) => [name, value ?? null]))
