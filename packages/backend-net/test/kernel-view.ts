/** What the kernel says of a socket of this process: its options, asked for by another program. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import {
  type InetAddress,
  optionNumbers,
  type SocketOptionName,
  type SocketSpec,
} from '@pollout/core'

/** Gets all sockets of this process from descriptor 3 on, and looks for the one with that local port. */
const PROGRAM = `
import socket, sys
count, port = int(sys.argv[1]), int(sys.argv[2])
for fd in range(3, 3 + count):
    s = socket.socket(fileno=fd)
    if s.family in (socket.AF_INET, socket.AF_INET6) and s.getsockname()[1] == port:
        for pair in sys.argv[3:]:
            level, option = pair.split(':')
            print(s.getsockopt(int(level), int(option)))
`

export const HAS_PYTHON = spawnSync('python3', ['-c', '']).status === 0

/** Arguments of getsockopt(2) for integers, as `kernelOptions()` wants them. */
export function numbers(spec: SocketSpec, ...names: SocketOptionName[]): string[] {
  return names.map((name) => {
    const { level, option } = optionNumbers(spec, name)
    return `${level}:${option}`
  })
}

/** Integer options of the socket that is bound to that port. */
export function kernelOptions({ port }: InetAddress, options: readonly string[]): number[] {
  const descriptors = socketDescriptors()
  const program = ['-c', PROGRAM, String(descriptors.length), String(port), ...options]
  const { stdout, stderr, status } = spawnSync('python3', program, {
    stdio: ['ignore', 'pipe', 'pipe', ...descriptors],
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return stdout.trim().split('\n').map(Number)
}

function socketDescriptors(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((descriptor) => {
      try {
        return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:')
      } catch {
        // The one that the directory was read with.
        return false
      }
    })
}
