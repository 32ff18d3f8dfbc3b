/** The APIs that run in Node: which there are. */
import { nativeBackend } from '@pollout/backend-native'
import { netBackend } from '@pollout/backend-net'
import type { Api } from './api.js'
import { connectBatches } from './api-batches.js'
import { nodeNetApi } from './api-node-net.js'
import { connectMany, connectOneByOne, polloutApi } from './api-pollout.js'
import type { ApiId } from './job.js'

export function openApi(id: ApiId): Api {
  switch (id) {
    case 'node-net':
      return nodeNetApi
    case 'native-connect':
      return polloutApi(nativeBackend(), connectOneByOne)
    case 'native-many':
      return polloutApi(nativeBackend({ threads: 1 }), connectMany)
    case 'native-many-0':
      return polloutApi(nativeBackend({ threads: 0 }), connectMany)
    case 'native-batches':
      return polloutApi(nativeBackend({ threads: 1 }), connectBatches)
    case 'net-connect':
      return polloutApi(netBackend(), connectOneByOne)
    case 'net-many':
      return polloutApi(netBackend(), connectMany)
  }
}
