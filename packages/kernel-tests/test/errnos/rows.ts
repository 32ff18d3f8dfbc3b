/** Every errno, and how it is provoked: docs/semantics.md, as data. What a user is told is the same on every backend. */
import { CALL_ROWS } from './call-rows.js'
import { CONNECT_ROWS } from './connect-rows.js'
import { REJECTION_ROWS } from './rejection-rows.js'
import type { Row } from './row.js'

export const ROWS: readonly Row[] = [...CONNECT_ROWS, ...CALL_ROWS, ...REJECTION_ROWS]
