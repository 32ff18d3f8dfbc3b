/** The model-based test of the backend interface, at the length of an ordinary test run. */
import { describeBackendModel } from './describe-backend-model.js'

describeBackendModel({ native: 100_000, net: 25_000 })
