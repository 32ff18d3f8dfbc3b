/** `@pollout/core/testing`: where the test kit stood before it became a package. Needs that installed. */
export * from '@pollout/testing'
