/** undici's own, which has no types: the bytes of a WebAssembly module. */
declare module 'undici/lib/llhttp/llhttp-wasm.js' {
  const bytes: Uint8Array
  export default bytes
}
