/** The workspace's packages and their places, for the other scripts. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** Every package under packages/, with its manifest and the names of the packages here that its build needs. */
export function workspacePackages(at = root) {
  const packages = readdirSync(join(at, 'packages'))
    .map((name) => join(at, 'packages', name))
    .filter((dir) => existsSync(join(dir, 'package.json')))
    .map((dir) => {
      const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
      return { name: manifest.name, dir, manifest }
    })
  const names = new Set(packages.map((p) => p.name))
  return packages.map((p) => {
    // Not those of tests, which run against sources, and may use what uses this one.
    const { dependencies, peerDependencies, peerDependenciesMeta } = p.manifest
    const uses = Object.keys({ ...dependencies, ...peerDependencies }).filter(
      (name) => names.has(name) && !peerDependenciesMeta?.[name]?.optional,
    )
    return { ...p, uses }
  })
}
