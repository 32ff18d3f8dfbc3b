/** What the addon throws and tells gets the shape of Node's own errors. */
import { constants } from 'node:os'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { inNodesShape, withNodesErrors } from '../src/system-error.js'

const fromAddon = (errno: number) =>
  Object.assign(new Error('epoll_create1'), { errno, syscall: 'epoll_create1' })

it('a code, and a message for people', () => {
  const error = inNodesShape(fromAddon(-constants.errno.EMFILE))
  expect(error).toMatchObject({
    code: 'EMFILE',
    errno: -24,
    syscall: 'epoll_create1',
    message: 'epoll_create1 EMFILE: too many open files',
  })
})

it('an errno that Node has no name for', () => {
  expect(inNodesShape(fromAddon(-4000))).toMatchObject({ code: 'errno 4000' })
})

it('other errors are passed on as they are, and so is what is no error', () => {
  const error = new TypeError('no handle')
  const thrown = (what: unknown) => {
    try {
      return withNodesErrors(() => {
        throw what
      })
    } catch (caught) {
      return caught
    }
  }
  expect(thrown(error)).toBe(error)
  expect(error.message).toBe('no handle')
  expect(thrown('text')).toBe('text')
  expect(thrown(fromAddon(-9))).toMatchObject({ code: 'EBADF' })
  // As those of an addon are to a test that Jest runs.
  const foreign = runInNewContext(
    'Object.assign(new Error("socket"), { errno: -24, syscall: "socket" })',
  )
  expect(thrown(foreign)).toMatchObject({ code: 'EMFILE' })
})
