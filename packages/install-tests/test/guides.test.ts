/** Whoever follows a guide ends with a running program: its files and commands, in their order, with the packages as they are published. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { follow, stepsOf } from '../src/guide.js'
import { type Registry, startRegistry } from '../src/registry.js'

const guides = fileURLToPath(new URL('../../../docs/guides', import.meta.url))

let registry: Registry
beforeAll(async () => {
  registry = await startRegistry()
})
afterAll(() => registry[Symbol.asyncDispose]())

describe('a guide', () => {
  it.each(readdirSync(guides))('%s leads to a running program', async (name) => {
    const steps = stepsOf(readFileSync(join(guides, name), 'utf8'))
    expect(steps.filter(({ kind }) => kind === 'commands').length).toBeGreaterThan(1)
    const folder = join(registry.folder, name.replace(/\.md$/, ''))
    mkdirSync(folder)
    await follow(steps, folder, environment())
  })

  it('is left where a command does not print what it says', async () => {
    const guide = '```sh\necho one\n```\n\n```text\ntwo\n```\n'
    const folder = join(registry.folder, 'wrong')
    mkdirSync(folder)
    await expect(follow(stepsOf(guide), folder, environment())).rejects.toThrow(
      /line 1: echo one\none\nis not what the guide says/,
    )
  })

  it('has no code that nobody runs', () => {
    expect(() => stepsOf('# A\n\n```ts\nconst a = 1\n```\n')).toThrow('line 3: neither a file')
  })
})

/** npm's own, with the packages of this repository in its registry; nothing that pnpm or Vitest have set. */
function environment(): NodeJS.ProcessEnv {
  const own = /^(npm_|pnpm_|NODE_OPTIONS|NODE_ENV|NODE_PATH|VITEST)/i
  const inherited = Object.entries(process.env).filter(([name]) => !own.test(name))
  return {
    ...Object.fromEntries(inherited),
    npm_config_registry: registry.url,
    npm_config_cache: join(registry.folder, 'cache'),
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    NO_COLOR: '1',
  }
}
