/** Hooks of pnpm: leaves the condition `source` out of what is published, as the sources are not in it. */
export const hooks = {
  beforePacking(manifest) {
    for (const target of Object.values(manifest.exports ?? {})) delete target.source
    return manifest
  },
}
