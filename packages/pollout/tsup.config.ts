import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type Options } from 'tsup'

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

/** Where what is bundled was, over all builds below. */
const bundled = new Set<string>()

/**
 * The licences of what is bundled, in `dist/third-party-licenses.txt`: they ask to be passed on with it. Each part of it begins
 * with a line `name version (licence)`, which scripts/sbom.mjs reads.
 */
const licences: Plugin = {
  name: 'licences',
  setup(build) {
    build.initialOptions.metafile = true
    build.onEnd(({ metafile }) => {
      for (const input of Object.keys(metafile?.inputs ?? {})) {
        const [, root] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input) ?? []
        if (root !== undefined) bundled.add(root)
      }
      const texts = [...bundled].sort().map((root) => {
        const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
        const { name, version, license } = manifest
        const file = readdirSync(root).find((entry) => /^licen[cs]e/i.test(entry))
        if (file === undefined) throw new Error(`${name} has no licence file to pass on`)
        return `${name} ${version} (${license})\n\n${readFileSync(join(root, file), 'utf8').trim()}\n`
      })
      if (texts.length === 0) return
      const folder = build.initialOptions.outdir ?? 'dist'
      // The first to end is before tsup has made it.
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'third-party-licenses.txt'), texts.join(`\n${'-'.repeat(80)}\n\n`))
    })
  },
}

// Here and not by `clean`: the builds below run side by side and would remove each other's files.
rmSync('dist', { recursive: true, force: true })

const builds: Options[] = [
  {
    entry: ['src/index.ts'],
    format: ['esm', 'cjs'],
    target: 'node20',
    dts: { compilerOptions: { customConditions: [], noCheck: true } },
  },
  // With the libraries that the command alone uses, which are devDependencies: who installs the package for its reactor
  // gets none of them, and the command starts in less time.
  {
    entry: ['src/cli.ts'],
    format: ['esm'],
    target: 'node20',
    // Some are CommonJS, and ask for Node's own modules by it.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'\nconst require = requireOf(import.meta.url)",
    },
  },
  // Inlined into reports by src/html-report/report-page.ts.
  {
    entry: { 'report-page': 'report-page/main.ts', 'report-style': 'report-page/page.css' },
    format: ['iife'],
    platform: 'browser',
    target: 'es2022',
    noExternal: ['uplot'],
    minify: true,
    tsconfig: 'report-page/tsconfig.json',
    outExtension: () => ({ js: '.js' }),
  },
]

export default defineConfig(({ dts }) =>
  // By `--no-dts` it is for the demo, for which the libraries of the command and the page are not installed.
  (dts === false ? builds.slice(0, 1) : builds)
    // Each of them: one that bundles and was forgotten would pass code on without its licence.
    .map((options) => ({ ...options, esbuildPlugins: [licences], silent: true })),
)
