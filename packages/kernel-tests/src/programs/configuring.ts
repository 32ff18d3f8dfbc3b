/** Programs that lay out and change the network that the agent is in: ip(8), sysctl(8), nft(8). */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import type { Setup } from '../rig/layout.js'

export async function configure({ ip, sysctls = {}, rules }: Setup): Promise<void> {
  await withInput('ip', ['-batch', '-'], `${ip.join('\n')}\n`)
  setSysctls(sysctls)
  if (rules !== undefined) await setRules(rules)
}

export function setSysctls(values: Readonly<Record<string, string | number>>): void {
  for (const [name, value] of Object.entries(values)) {
    writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, String(value))
  }
}

/** Commands as `nft -f` reads them. */
export async function setRules(text: string): Promise<void> {
  await withInput('nft', ['-f', '-'], `${text}\n`)
}

function withInput(file: string, args: readonly string[], input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile(file, args, (error, _stdout, stderr) => {
      if (error) reject(new Error(`${file}: ${stderr || error.message}`))
      else resolve()
    })
    child.stdin?.on('error', () => {}).end(input)
  })
}
