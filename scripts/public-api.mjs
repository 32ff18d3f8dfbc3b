/** What users can import from the public packages, and the TypeScript program over it, for the other scripts. */
import { join } from 'node:path'
import ts from 'typescript'
import { root, workspacePackages } from './packages.mjs'

/** As strict as the repository is, whatever the checkout that is looked at. */
export function compilerOptions() {
  const file = join(root, 'tsconfig.base.json')
  const { config } = ts.readConfigFile(file, ts.sys.readFile)
  return ts.convertCompilerOptionsFromJson(config.compilerOptions, root, file).options
}

/** The entry points but what is internal, and old paths to other packages: each with its package, the name to import it by and its source file; one program over all of them. */
export function publicSources(at = root) {
  const entries = workspacePackages(at)
    .filter(({ manifest }) => !manifest.private)
    .flatMap(({ name, dir, manifest }) =>
      Object.entries(manifest.exports)
        .filter(([, { source }]) => source && !/(internal[.]ts|[/]moved[/].*)$/.test(source))
        .map(([path, { source }]) => ({
          package: name,
          name: name + path.slice(1),
          file: join(dir, source),
        })),
    )
  const files = entries.map(({ file }) => file)
  return { entries, program: ts.createProgram(files, compilerOptions()) }
}
