/** Of the repository's scripts, which are not compiled. */

interface Packed {
  readonly manifest: { readonly name: string; readonly version: string }
  readonly archive: string
}

interface Scripts {
  readonly tools: { toolFolder(tool: string): Promise<string> }
  readonly packed: { packAll(into: string): Promise<readonly Packed[]> }
}

async function script<Name extends keyof Scripts>(name: Name): Promise<Scripts[Name]> {
  return import(new URL(`../../../scripts/${name}.mjs`, import.meta.url).href)
}

export const { toolFolder } = await script('tools')
export const { packAll } = await script('packed')
