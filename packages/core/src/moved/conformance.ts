/** `@pollout/core/conformance`: where the suite stood before it became a package. Needs that installed. */
export * from '@pollout/conformance'
