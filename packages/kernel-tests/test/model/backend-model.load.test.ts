/** The model-based test at its full length: a million operations on the native backend, a hundred thousand on net. */
import { describeBackendModel } from './describe-backend-model.js'

describeBackendModel({ native: 1_000_000, net: 100_000 })
