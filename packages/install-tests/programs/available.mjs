/** What is made into a file that is short enough to be an argument: whether the native backend is available, as JSON. */
import { isNativeBackendAvailable } from '@pollout/backend-native'

const native = isNativeBackendAvailable()
console.log(JSON.stringify({ report: native }))
