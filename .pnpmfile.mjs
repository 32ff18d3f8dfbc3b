/** Hooks of pnpm. */
export const hooks = {
  /** Leaves the condition `source` out of what is published, as the sources are not in it. */
  beforePacking(manifest) {
    for (const target of Object.values(manifest.exports ?? {})) delete target.source
    return manifest
  },
  /** tsup looks for a PostCSS configuration by this, and there is none: what reads one in TypeScript brings a second esbuild. */
  readPackage(manifest) {
    if (manifest.name === 'postcss-load-config') {
      delete manifest.peerDependencies
      delete manifest.peerDependenciesMeta
    }
    return manifest
  },
}
