/**
 * Writes the API reference of the public packages into docs/api, from the docstrings: Markdown, of which the site makes its pages.
 *
 * Links that lead nowhere, and types that are spoken of and not public, make it fail.
 */
import { join } from 'node:path'
import { Application, Comment } from 'typedoc'
import { root } from './packages.mjs'
import { publicSources } from './public-api.mjs'

/** Spoken of in declarations, by package; a reader needs no more of them than stands there. */
const NOT_PUBLIC = {
  '@pollout/core': ['Table', 'ValueOf'],
  '@pollout/conformance': ['MESSAGE_TRANSPORTS', 'TRANSPORTS'],
  '@pollout/adapters': ['Answer'],
  pollout: ['BACKEND_NAMES'],
}

const app = await Application.bootstrapWithPlugins({
  plugin: ['typedoc-plugin-markdown'],
  outputs: [{ name: 'markdown', path: join(root, 'docs/api') }],
  name: 'pollout',
  readme: 'none',
  disableSources: true,
  excludeExternals: true,
  excludeInternal: true,
  excludePrivate: true,
  excludeProtected: true,
  githubPages: false,
  hideGenerator: true,
  logLevel: 'Warn',
  // A name that one package hands on stands with the package that has it.
  excludeReferences: true,
  entryFileName: 'index',
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useCodeBlocks: true,
  indexFormat: 'table',
  parametersFormat: 'table',
})
const { entries, program } = publicSources()
const project = app.converter.convert(
  entries.map(({ name, file }) => ({
    displayName: name,
    program,
    sourceFile: program.getSourceFile(file),
  })),
)
for (const { name, file } of entries) {
  const module = project.getChildByName([name])
  const text = headOf(program.getSourceFile(file))
  module.comment ??= new Comment([{ kind: 'text', text }])
}
app.validate(project)
validateExports()
await app.generateOutputs(project)
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1

/** Package by package: TypeDoc itself asks for the exports of the project's own package alone. */
function validateExports() {
  const off = { invalidLink: false, invalidPath: false, rewrittenLink: false }
  app.options.setValue('validation', { ...off, notExported: true, unusedMergeModuleWith: false })
  for (const name of new Set(entries.map(({ package: name }) => name))) {
    project.packageName = name
    app.options.setValue('intentionallyNotExported', NOT_PUBLIC[name] ?? [])
    app.validate(project)
  }
}

/** What the file says of itself in its first comment, which TypeDoc takes no notice of without a tag of its own. */
function headOf({ text }) {
  const [, comment = ''] = /^\/\*\*(.*?)\*\//s.exec(text) ?? []
  return comment.replace(/^ \* ?/gm, '').trim()
}
