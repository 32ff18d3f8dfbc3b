/**
 * native/shared_numbers.h: what C++ and TypeScript both go by, made from the TypeScript.
 *
 * Where one side was changed alone, this fails, or the C++ does not compile.
 * `npx -y pnpm@12 exec vitest run packages/backend-native/test/shared-numbers -u` writes the file anew.
 */
import {
  ATTEMPT_BYTES,
  AttemptField,
  BULK_SELF_CONNECTED,
  BulkStep,
  CONNECTION_FIELDS,
  ConnectionEvent,
  ConnectionField,
  ConnectStatus,
  EXCHANGE_FIELDS,
  EXCHANGE_OUTCOME_FIELDS,
  ExchangeEnd,
  ExchangeField,
  ExchangeOutcomeField,
  Interest,
  MAKE_UP_MS,
  OUTCOME_FIELDS,
  OutcomeField,
  Readiness,
} from '@pollout/core'
import { expect, it } from 'vitest'
import { ON_CONNECTED } from '../src/native-bulk.js'

type Numbers = Readonly<Record<string, number>>

/** `SENT_AT` and `sentAt` as C++ has them: `kSentAt`. */
function constantOf(name: string): string {
  const words = name.toLowerCase().split('_')
  return `k${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}`
}

function lines(numbers: Numbers, line: (name: string, value: number) => string): string {
  return Object.entries(numbers)
    .map(([name, value]) => `  ${line(constantOf(name), value)}\n`)
    .join('')
}

/** Of which one is meant. */
function choice(name: string, numbers: Numbers): string {
  const values = lines(numbers, (constant, value) => `${constant} = ${value},`)
  return `enum class ${name} : std::uint8_t {\n${values}};\n`
}

/** That are calculated with. */
function constants(name: string, type: string, numbers: Numbers): string {
  const values = lines(
    numbers,
    (constant, value) => `static constexpr ${type} ${constant} = ${value};`,
  )
  return `struct ${name} {\n${values}};\n`
}

const HEADER = `// The numbers that the addon and TypeScript both go by. Made from the TypeScript, and held against
// it, by test/shared-numbers.test.ts, which says how to make it anew.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pollout {

// core/src/backend/readiness.ts
${constants('Interest', 'std::uint32_t', Interest)}
${constants('Readiness', 'std::uint32_t', Readiness)}
// core/src/backend/backend.ts
${constants('ConnectStatus', 'int', ConnectStatus)}
// core/src/backend/bulk.ts
${constants('AttemptField', 'std::size_t', AttemptField)}
constexpr std::size_t kAttemptBytes = ${ATTEMPT_BYTES};

${constants('OutcomeField', 'std::size_t', OutcomeField)}
constexpr std::size_t kOutcomeFields = ${OUTCOME_FIELDS};

${choice('BulkStep', BulkStep)}
constexpr int kBulkSelfConnected = ${BULK_SELF_CONNECTED};
constexpr std::uint64_t kMakeUpMs = ${MAKE_UP_MS};

// core/src/backend/exchange.ts
${constants('ExchangeField', 'std::size_t', ExchangeField)}
constexpr std::size_t kExchangeFields = ${EXCHANGE_FIELDS};

${constants('ExchangeOutcomeField', 'std::size_t', ExchangeOutcomeField)}
constexpr std::size_t kExchangeOutcomeFields = ${EXCHANGE_OUTCOME_FIELDS};

${choice('ExchangeEnd', ExchangeEnd)}
${constants('ConnectionField', 'std::size_t', ConnectionField)}
constexpr std::size_t kConnectionFields = ${CONNECTION_FIELDS};

${choice('ConnectionEvent', ConnectionEvent)}
// src/native-bulk.ts
${choice('OnConnected', ON_CONNECTED)}
}  // namespace pollout
`

it('C++ goes by the numbers of TypeScript', async () => {
  await expect(HEADER).toMatchFileSnapshot('../native/shared_numbers.h')
})
