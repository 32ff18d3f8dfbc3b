/**
 * Fails where something public has no docstring, or no example in it, and where an example does not compile.
 *
 * Public is what the entry points of the public packages export. An example is TypeScript in a fence after `@example`;
 * each is compiled as a module of its own beside the file it stands in, against the sources and as strictly as they are.
 * Another checkout can be named, for tests: `node scripts/check-examples.mjs <root>`.
 */
import { dirname, join, relative, resolve, sep } from 'node:path'
import ts from 'typescript'
import { root as here } from './packages.mjs'
import { compilerOptions, publicSources } from './public-api.mjs'

const root = resolve(process.argv[2] ?? here)
const options = compilerOptions()
const { entries, program: sources } = publicSources(root)
const checker = sources.getTypeChecker()

const publicSymbols = findPublicSymbols()
const examples = ownSources().flatMap(examplesIn)
const complaints = [
  ...entries.filter(({ file }) => !moduleOf(file)).map(withoutExports),
  ...[...publicSymbols].flatMap(complaintsAbout),
  ...examples.filter(({ code }) => code === undefined).map(withoutCode),
  ...compile(examples.filter(({ code }) => code !== undefined)),
]

const { compare } = new Intl.Collator('en', { numeric: true })
for (const complaint of complaints.sort(compare)) console.error(complaint)
if (complaints.length > 0) {
  console.error(`${complaints.length} complaints`)
  process.exitCode = 1
} else {
  console.log(`${publicSymbols.size} public names, ${examples.length} examples, all compile`)
}

/** With the names by which they are public. What several entry points hand on counts once. */
function findPublicSymbols() {
  const found = new Map()
  for (const { name: entry, file } of entries) {
    const module = moduleOf(file)
    if (module === undefined) continue
    for (const exported of checker.getExportsOfModule(module)) {
      const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0
      const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported
      if (!found.has(symbol)) found.set(symbol, `${exported.name} of ${entry}`)
    }
  }
  return new Map([...found].filter(([symbol]) => symbol.declarations?.some(isPublic)))
}

/** Undefined for a file that is not there, or exports nothing. */
function moduleOf(file) {
  const source = sources.getSourceFile(file)
  return source && checker.getSymbolAtLocation(source)
}

/** Not what belongs to another package, nor what is left out of the published types. */
function isPublic(declaration) {
  return isOwn(declaration.getSourceFile()) && !ts.getJSDocTags(declaration).some(isInternalTag)
}

function isInternalTag(tag) {
  return tag.tagName.text === 'internal'
}

function ownSources() {
  return sources.getSourceFiles().filter(isOwn)
}

function isOwn({ fileName }) {
  return fileName.startsWith(join(root, 'packages') + sep) && !fileName.includes('/node_modules/')
}

function withoutExports({ name, file }) {
  return `${relative(root, file)}:1 ${name} exports nothing`
}

function complaintsAbout([symbol, name]) {
  const [declaration] = symbol.declarations
  const where = placeOf(declaration.getSourceFile(), declaration.getStart())
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker))
  if (text.trim() === '') return [`${where} ${name} has no docstring`]
  const tags = symbol.getJsDocTags(checker)
  return tags.some((tag) => tag.name === 'example') ? [] : [`${where} ${name} has no @example`]
}

/** Every `@example` of a file: of what is public, of its members, and of what is not public. */
function examplesIn(source) {
  const found = []
  const visit = (node) => {
    for (const doc of node.jsDoc ?? []) {
      for (const tag of doc.tags ?? []) {
        if (tag.tagName.text === 'example') found.push(exampleOf(source, tag))
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** Keeps the lines where they are in the file, so that the compiler's complaints point there. */
function exampleOf(source, tag) {
  const line = source.getLineAndCharacterOfPosition(tag.getStart()).line
  const end = source.getLineAndCharacterOfPosition(tag.end).line
  const lines = source.text.split('\n').slice(line, end + 1)
  const bare = lines.map((text) => text.replace(/^\s*\* ?/, ''))
  const from = bare.indexOf('```ts')
  const to = bare.indexOf('```', from)
  if (from < 0 || to < 0) return { source, line }
  return {
    source,
    line,
    code: [...bare.slice(0, from + 1).map(() => ''), ...bare.slice(from + 1, to), ''].join('\n'),
    column: lines[from].indexOf('```'),
  }
}

function withoutCode({ source, line }) {
  return `${relative(root, source.fileName)}:${line + 1} the @example has no \`\`\`ts fence`
}

/** All of them in one program, which takes the sources as they are parsed already. */
function compile(examples) {
  const modules = new Map(
    examples.map((example, i) => [
      join(dirname(example.source.fileName), `example-${i}.ts`),
      example,
    ]),
  )
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile } = host
  host.fileExists = (file) => modules.has(file) || fileExists(file)
  host.getSourceFile = (file, ...rest) => {
    const example = modules.get(file)
    if (example === undefined) return sources.getSourceFile(file) ?? getSourceFile(file, ...rest)
    // `export {}` makes it a module, for its own names and for top-level await.
    return ts.createSourceFile(file, `${example.code}export {}`, ...rest)
  }
  const resolutions = new Map(entries.map(({ name, file }) => [name, file]))
  host.resolveModuleNameLiterals = (literals, containingFile, redirected, resolveOptions) =>
    literals.map(({ text }) => {
      // Also where the package of the file does not depend on that one: core's examples use `pollout`.
      const resolvedFileName = modules.has(containingFile) ? resolutions.get(text) : undefined
      if (resolvedFileName) return { resolvedModule: { resolvedFileName, extension: '.ts' } }
      return ts.resolveModuleName(text, containingFile, resolveOptions, host, undefined, redirected)
    })
  const program = ts.createProgram([...modules.keys()], options, host)
  return [...modules].flatMap(([file, example]) => {
    const module = program.getSourceFile(file)
    return [...program.getSyntacticDiagnostics(module), ...program.getSemanticDiagnostics(module)]
      .filter((diagnostic) => !isUnusedName(module, diagnostic))
      .map((diagnostic) => complaintOf(example, module, diagnostic))
  })
}

/** What an example defines is there to be seen; what it imports, to be used. */
function isUnusedName(module, { start, reportsUnnecessary }) {
  if (!reportsUnnecessary) return false
  return !module.statements.some(
    (statement) =>
      ts.isImportDeclaration(statement) && statement.pos <= start && start < statement.end,
  )
}

function complaintOf({ source, line, column }, module, { start, messageText }) {
  const at = module.getLineAndCharacterOfPosition(start)
  const place = `${relative(root, source.fileName)}:${line + at.line + 1}:${column + at.character + 1}`
  return `${place} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
}

function placeOf(source, position) {
  const { line } = source.getLineAndCharacterOfPosition(position)
  return `${relative(root, source.fileName)}:${line + 1}`
}
