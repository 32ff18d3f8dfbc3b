/**
 * `instanceof` for classes of which there may be two: `import` and `require` each load a copy of a package.
 *
 * Core has the same. Framing does not depend on core.
 */

/**
 * Has `value instanceof it` be true also of what another copy's class of this `name` has made. Subclasses stay as they are. To be called after the class:
 * within, by a static block, the build gives the class another name, which stands in stack traces.
 */
export function knowAcrossCopies(
  it: abstract new (...args: never[]) => object,
  name: string,
): void {
  const brand = Symbol.for(`pollout.${name}`)
  Object.defineProperty(it.prototype, brand, { value: true })
  Object.defineProperty(it, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this === it) return typeof value === 'object' && value !== null && brand in value
      return Function.prototype[Symbol.hasInstance].call(this, value)
    },
  })
}
