import * as rxjs from 'rxjs'
import { expect, test } from 'vitest'
import * as ours from '../src/base/rxjs.js'

test('what core takes of RxJS by file is what its index has', () => {
  const index: Record<string, unknown> = { ...rxjs }
  for (const [name, value] of Object.entries(ours)) expect(value, name).toBe(index[name])
})
