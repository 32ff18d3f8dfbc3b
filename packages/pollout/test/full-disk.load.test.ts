/** `--checkpoint` and `--resume` on a full disk, and what is on the disk when. */
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { unusedPort } from '@pollout/test-servers'
import { describe, expect, it } from 'vitest'
import { CLI, finish } from './harness.js'
import { folder, outcomes } from './run-folder.js'

const noMounts = ((): string | undefined => {
  try {
    execFileSync('unshare', [
      '--user',
      '--map-root-user',
      '--mount',
      'mount',
      '-t',
      'tmpfs',
      'none',
      '/mnt',
    ])
    return undefined
  } catch {
    return 'no mounts in a user namespace'
  }
})()

/** Runs a script with a disk of so many KiB at $DISK, that is gone with it. */
function onSmallDisk(kib: number, script: string, ...args: string[]) {
  const disk = folder()
  const mount = `mount -t tmpfs -o size=${kib}k none "$DISK" && ${script}`
  const wrap = [
    '--user',
    '--map-root-user',
    '--mount',
    'bash',
    '-c',
    mount,
    process.execPath,
    CLI,
    ...args,
  ]
  return finish(spawn('unshare', wrap, { env: { ...process.env, DISK: disk } }))
}

describe('a full disk', () => {
  it('under the output: told in one line, nothing confirmed is lost', async (context) => {
    if (noMounts) return context.skip(noMounts)
    const path = folder()
    const closed = await unusedPort()
    const command = `"$0" "$1" fanout "127.0.0.0/22:$2" --json --rate 100000 -c 20 -o "$DISK/out" --checkpoint "$3/state"`
    const script = [
      `${command}; echo "code $?"`,
      // Whole lines, each good.
      'tail -c 1 "$DISK/out" | od -An -c; wc -l < "$DISK/out" | sed "s/^/lines /"',
      `mount -o remount,size=10m "$DISK"; ${command} --resume --silent; echo "code $?"`,
      'cat "$DISK/out"',
    ].join('; ')
    const { stdout, stderr } = await onSmallDisk(64, script, String(closed), path)
    expect(stderr.match(/^pollout: can't write to \S+out: ENOSPC[^\n]*$/gm)).toHaveLength(1)
    expect(stderr).toMatch(
      /\npollout: \S+out has [\d,]+ outcomes of this run\npollout: go on with the same/,
    )
    const [first, ending, lines, second, ...rest] = stdout.trim().split('\n')
    expect([first, ending?.trim(), second]).toEqual(['code 3', '\\n', 'code 1'])
    const confirmed = Number(lines?.slice('lines '.length))
    expect(confirmed).toBeGreaterThan(50)
    const told = Number(/out has ([\d,]+) outcomes/.exec(stderr)?.[1]?.replace(',', ''))
    expect(told).toBe(confirmed)
    expect(new Set(rest.map((line) => JSON.parse(line).endpoint)).size).toBe(1_024)
    expect(rest).toHaveLength(1_024)
  })

  it('under a checkpoint that is not there yet: told in one line, and nothing is left', async (context) => {
    if (noMounts) return context.skip(noMounts)
    const path = folder()
    const command = `"$0" "$1" fanout 127.0.0.1:1 -o "$2/out" --checkpoint "$DISK/state"`
    const script = `head -c 1M /dev/zero > "$DISK/filler"; ${command}; echo "code $?"; ls "$DISK"; ls "$2"`
    const { stdout, stderr } = await onSmallDisk(32, script, path)
    expect(stderr).toMatch(/(^|\n)pollout: can't write the checkpoint \S+state: ENOSPC[^\n]*\n$/)
    expect(stdout).toBe('code 3\nfiller\n')
  })

  it('under the checkpoint: told in one line, and resumed when there is room', async (context) => {
    if (noMounts) return context.skip(noMounts)
    const path = folder()
    const closed = await unusedPort()
    const command = `"$0" "$1" fanout "127.0.0.0/20:$2" --json --rate 100000 -o "$3/out" --checkpoint "$DISK/state"`
    const script = [
      `head -c 24K /dev/zero > "$DISK/filler"; ${command}; echo "code $?"`,
      `rm "$DISK/filler"; mount -o remount,size=10m "$DISK"; ${command} --resume --silent; echo "code $?"`,
    ].join('; ')
    const { stdout, stderr } = await onSmallDisk(32, script, String(closed), path)
    expect(
      stderr.match(/^pollout: can't write to the checkpoint \S+state: ENOSPC[^\n]*$/gm),
    ).toHaveLength(1)
    expect(stdout).toBe('code 3\ncode 1\n')
    const endpoints = outcomes(join(path, 'out')).map((line) => JSON.parse(line).endpoint)
    expect(endpoints).toHaveLength(4_096)
    expect(new Set(endpoints).size).toBe(4_096)
  })
})

const noTracing = ((): string | undefined => {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'strace(1) is not here, or may not trace'
  }
})()

it('what a snapshot says of the output is on the disk before it', async (context) => {
  if (noTracing) return context.skip(noTracing)
  const path = folder()
  const [output, checkpoint, trace] = ['out', 'state', 'trace'].map((name) => join(path, name))
  const calls = [
    '-f',
    '-qq',
    '-y',
    '--seccomp-bpf',
    '-e',
    'trace=fdatasync,rename',
    '-o',
    `${trace}`,
  ]
  const target = `127.0.0.0/28:${await unusedPort()}`
  const files = ['-o', `${output}`, '--checkpoint', `${checkpoint}`]
  const steps = async (...more: string[]) => {
    const args = ['fanout', target, '--json', ...files, ...more]
    const run = await finish(spawn('strace', [...calls, process.execPath, CLI, ...args]))
    expect(run.code).toBe(1)
    const lines = readFileSync(`${trace}`, 'utf8').split('\n')
    return lines.flatMap((line) => {
      if (/fdatasync\(\d+<[^>]*\/out>/.test(line)) return 'synced'
      return line.includes('state.pollout-tmp') ? 'snapshot' : []
    })
  }
  expect(await steps()).toEqual(['snapshot', 'synced', 'snapshot'])
  // What the run before has confirmed since its last snapshot may not have come to the disk yet.
  expect(await steps('--resume')).toEqual(['synced', 'snapshot', 'synced', 'snapshot'])
})
