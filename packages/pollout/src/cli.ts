#!/usr/bin/env node
/** The `pollout` command: what is installed as `bin`. */
import { readFileSync } from 'node:fs'
import { main } from './cli/main.js'

// One folder below the package's root, in src/ and in dist/ alike.
const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

// Every refusal is an Error, and nobody looks at the stack of one: without it they cost half.
Error.stackTraceLimit = 0

// Whoever read what is told on stderr may go away: the work, and what goes to stdout, goes on.
process.stderr.on('error', () => {})

// The code is set, not enforced by exit(): what stands in pipes still gets out.
process.exitCode = await main(process.argv.slice(2), manifest.version)
