/** Starts the server that transfers are made with; it is C or nothing, as a slower one would be what is measured. */
import type { Children } from './children.js'
import type { Address, TransferMode } from './job.js'
import type { Machine } from './machine.js'
import type { Yardstick } from './yardstick.js'

export type TransferServer =
  | { readonly addresses: Readonly<Record<TransferMode, Address>>; stop(): void }
  | { readonly missing: string }

const HOST = '127.0.0.1'

export async function startTransferServer(
  children: Children,
  yardstick: Yardstick,
  machine: Machine,
): Promise<TransferServer> {
  if ('missing' in yardstick) return yardstick
  const { line, stop } = await children.start({
    file: yardstick.transferServer,
    args: [HOST],
    cpu: machine.pinned?.server,
  })
  const ports = JSON.parse(line) as { echo: number; sink: number; source: number }
  return {
    addresses: {
      pingpong: { host: HOST, port: ports.echo },
      in: { host: HOST, port: ports.source },
      out: { host: HOST, port: ports.sink },
    },
    stop,
  }
}
